import { problemNotice } from '../feedback.js';
import { isAbort } from '../problem.js';
import { exactTime } from '../time.js';
import { emptyState, h, pageHead, skeleton } from '../view.js';
import { staffPage } from './layout.js';
import { lookUpCard } from './look-up.js';
import { pollWhileVisible } from './poll.js';
import { pushCard } from './push-event.js';

/** A node writes down how many sockets it holds every two seconds. */
const EVERY_MS = 2000;

export default staffPage({
  title: 'Nodes',
  permission: 'realtime:read',
  render(root, context) {
    const { account, signal, can } = context;
    const state = h('span.dot.good', {}, 'Live');
    const board = h('div.stack', {}, skeleton(4));
    root.append(
      pageHead({
        title: 'Nodes',
        lead: 'Every node that holds sockets now. One that stops is gone from here within seconds.',
        actions: [state],
      }),
      board,
      h('div.columns.tools', {}, lookUpCard(context), can('realtime:write') && pushCard(context)),
    );
    const show = createBoard(board);
    pollWhileVisible(
      async () => {
        try {
          show(await account.request('GET', '/api/admin/realtime', { signal }));
          setState(state, 'good', 'Live');
        } catch (error) {
          if (isAbort(error)) return;
          setState(state, 'warn', 'Not up to date');
          // What was read last stays, unless there is nothing yet.
          if (board.querySelector('.tiles') === null) board.replaceChildren(problemNotice(error));
        }
      },
      {
        everyMs: EVERY_MS,
        signal,
        onPause: (isPaused) => isPaused && setState(state, '', 'Paused while hidden'),
      },
    );
  },
});

function setState(dot, kind, text) {
  dot.className = kind ? `dot ${kind}` : 'dot';
  dot.textContent = text;
}

/** @returns what shows a state of all nodes: numbers change in place, so that nobody's focus or selection is lost. */
function createBoard(board) {
  const online = tile('Users online');
  const sockets = tile('Sockets');
  const nodes = tile('Nodes');
  const tiles = h('dl.tiles', {}, online.root, sockets.root, nodes.root);
  const list = h('ul.nodes', { 'aria-label': 'Nodes' });
  const nobody = emptyState({
    title: 'No node is heard of',
    text: 'Each tells every two seconds.',
  });
  const cards = new Map();
  return (state) => {
    online.show(state.users_online);
    sockets.show(state.sockets);
    nodes.show(state.nodes.length);
    for (const id of cards.keys()) {
      if (!state.nodes.some(({ node_id }) => node_id === id)) cards.delete(id);
    }
    const most = Math.max(1, ...state.nodes.map((node) => node.sockets));
    for (const node of state.nodes) {
      const shown = cards.get(node.node_id) ?? nodeRow(node);
      cards.set(node.node_id, shown);
      shown.show(node, most);
    }
    const rows = state.nodes.map(({ node_id }) => cards.get(node_id).root);
    if (
      rows.some((row, index) => list.children[index] !== row) ||
      rows.length !== list.children.length
    )
      list.replaceChildren(...rows);
    const isNew = board.querySelector('.tiles') === null;
    nobody.hidden = rows.length > 0;
    if (isNew)
      board.replaceChildren(tiles, h('section.card', { 'aria-label': 'Nodes' }, list, nobody));
  };
}

function tile(name) {
  const value = h('dd', {});
  return {
    root: h('div.tile', {}, h('dt', {}, name), value),
    show: (number) => (value.textContent = number.toLocaleString('en')),
  };
}

function nodeRow({ node_id, started_at }) {
  const sockets = h('span.number');
  const uptime = h('span.muted.small', { title: `Since ${exactTime(started_at)}` });
  const bar = h('span');
  return {
    root: h(
      'li',
      {},
      h('code.node', {}, node_id),
      uptime,
      sockets,
      h('span.meter', { 'aria-hidden': 'true' }, bar),
    ),
    show: (node, most) => {
      sockets.textContent = `${node.sockets.toLocaleString('en')} socket${node.sockets === 1 ? '' : 's'}`;
      uptime.textContent = `Up ${duration(Date.now() - new Date(started_at).getTime())}`;
      bar.style.setProperty('width', `${(node.sockets / most) * 100}%`);
    },
  };
}

/** `3 d 4 h`, `12 min 5 s` */
function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  const shown = first < 0 ? parts.slice(-1) : parts.slice(first, first + 2);
  return shown.map(([count, unit]) => `${count} ${unit}`).join(' ');
}
