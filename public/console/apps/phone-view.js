import { milliseconds } from '../time.js';
import { freshId, h } from '../view.js';
import { frameLog } from './frame-log.js';
import { phoneSession } from './phone-session.js';
import { phoneSignIn } from './phone-sign-in.js';

const STATES = {
  connecting: ['', () => 'Connecting…'],
  open: ['good', () => 'Live'],
  waiting: ['warn', ({ retryInMs = 0 }) => `Reconnecting in ${(retryInMs / 1000).toFixed(1)} s`],
  closed: ['bad', () => 'Stopped'],
};

/** A phone as it is now. @returns `{ root, close() }` */
export function phoneView(phone, other) {
  const id = freshId('phone');
  const state = h('span.dot', { role: 'status' });
  const heading = h('h2', { id, tabindex: '-1' }, phone.name);
  const death = h('div', { role: 'status' });
  const body = h('div.stack');
  const log = frameLog(phone);
  const root = h(
    'section.card.phone',
    { 'aria-labelledby': id },
    h('div', {}, h('div.row.spread', {}, heading, state), death),
    body,
    log.root,
  );

  let shown;
  let part;
  const draw = () => {
    showState(state, phone);
    death.replaceChildren(...(phone.death ? [deathOf(phone.death)] : []));
    if (shown !== phone.session?.user.id) {
      const hadFocus = body.contains(document.activeElement);
      shown = phone.session?.user.id;
      part?.close?.();
      part = phone.session ? phoneSession(phone, other) : phoneSignIn(phone, other);
      body.replaceChildren(part.root);
      if (hadFocus) heading.focus();
    }
    part.update();
  };
  shown = null;
  draw();
  const stops = [
    phone.listen((what) => what === 'change' && draw()),
    other.listen((what) => what === 'change' && part.update()),
  ];
  return {
    root,
    close() {
      part.close?.();
      log.close();
      for (const stop of stops) stop();
    },
  };
}

function showState(dot, { session, state }) {
  const [kind, words] = session ? STATES[state.state] : ['', () => 'Signed out'];
  dot.className = `dot ${kind}`;
  dot.textContent = words(state);
  dot.title = state.reason ?? '';
}

/** How the last session ended, and how soon after the button was pressed that ended it. */
function deathOf({ title, meaning, ending, ms }) {
  return h(
    'div.death',
    {},
    ms !== undefined && h('p.milliseconds', {}, milliseconds(ms)),
    h(
      'div',
      {},
      h('strong', {}, title),
      h('p', {}, meaning),
      ending && h('p.small.muted', {}, `after “${ending.what}” was pressed on ${ending.by}`),
    ),
  );
}
