import { notice } from '../feedback.js';
import { explain } from '../problem.js';
import { card, emptyState, h, pageHead } from '../view.js';
import { staffPage } from './layout.js';
import { createDriverList } from './map/driver-list.js';
import { DriverTracker } from './map/driver-tracker.js';
import { goToForm } from './map/go-to.js';
import { createMap } from './map/map.js';
import { firstPlace, rememberPlace } from './map/place.js';
import { pollWhileVisible } from './poll.js';

/** A user may ask once a second. */
const EVERY_MS = 1200;
/** The service gives no more at once. */
const MOST = 50;

const STATES = {
  open: ['good', 'Live'],
  connecting: ['', 'Connecting…'],
  closed: ['bad', 'Not live'],
};

export default staffPage({
  title: 'Map',
  permission: 'realtime:read',
  render(root, { live, query, signal }) {
    const scene = { drivers: new DriverTracker(), selectedId: null };
    const parts = createParts();
    const list = createDriverList((userId) => {
      select(userId);
      map.reveal(scene.drivers.get(userId));
    });
    const map = createMap({
      scene,
      place: firstPlace(query),
      onSelect: (userId) => select(userId),
      onMove: () => rememberPlace(map.view),
      signal,
    });
    const show = () => showScene(scene, { map, list, parts });
    const select = (userId) => {
      scene.selectedId = scene.selectedId === userId ? null : userId;
      show();
    };
    root.append(...layOut({ map, list, parts }));
    showState(parts.state, live.state);
    pollWhileVisible(
      async () => {
        await lookAround(live, { map, scene, parts });
        if (!signal.aborted) show();
      },
      { everyMs: EVERY_MS, signal },
    );
  },
});

function createParts() {
  return {
    state: h('span.dot', { role: 'status' }),
    trouble: h('div'),
    summary: h('p.muted.small'),
    nobody: emptyState({
      title: 'No driver here',
      text: 'Drivers are on the map while their app reports where they are. Move the map, or be one yourself under Apps.',
    }),
  };
}

function layOut({ map, list, parts }) {
  return [
    pageHead({
      title: 'Map',
      lead: 'Where drivers are, exactly, as their apps last reported it.',
      actions: [parts.state],
    }),
    parts.trouble,
    h(
      'div.map-page',
      {},
      h('section.card.map-card', { 'aria-label': 'Map' }, map.root),
      card({ title: 'Drivers' }, goToForm(map), parts.summary, list.root, parts.nobody),
    ),
  ];
}

async function lookAround(live, { map, scene, parts }) {
  const { center, radiusM } = map.view;
  try {
    scene.drivers.take(await live.findNearby({ ...center, radius_m: Math.max(1, radiusM) }));
    parts.trouble.replaceChildren();
  } catch (error) {
    // Without a connection the dot says so; one question too many is asked again.
    if (live.state === 'open' && error.code !== 'rate_limited') showTrouble(parts.trouble, error);
  }
  showState(parts.state, live.state);
}

function showScene(scene, { map, list, parts }) {
  const now = Date.now();
  map.draw(now);
  list.show({ ...scene, now });
  parts.nobody.hidden = scene.drivers.size > 0;
  parts.summary.textContent = summaryOf(scene.drivers, map.view);
}

function showTrouble(trouble, error) {
  const { title, advice } = explain(error);
  trouble.replaceChildren(notice('warning', { title, text: advice }));
}

function showState(dot, state) {
  const [kind, text] = STATES[state] ?? ['warn', 'Reconnecting…'];
  dot.className = `dot ${kind}`;
  if (dot.textContent !== text) dot.textContent = text;
}

function summaryOf({ size }, { isTooWide }) {
  if (size >= MOST) return `The ${MOST} nearest to the centre: zoom in for the others.`;
  const count = `${size} driver${size === 1 ? '' : 's'}`;
  return isTooWide
    ? `${count} within 50 km of the centre: the dashed line.`
    : `${count} around here.`;
}
