import { inMilliseconds, timeOf } from './frame-log.js';
import { clearErrors, element } from './view.js';

const STATES = {
  'signed-out': () => 'Signed out',
  connecting: () => 'Connecting…',
  live: () => 'Live',
  waiting: ({ delayMs }) => `Reconnecting in ${(delayMs / 1000).toFixed(1)} s`,
  stopped: () => 'Stopped',
};

/** The state of the socket, and the buttons that go with it. */
export function showState(view, state, details) {
  view.state.dataset.state = state;
  view.state.textContent = STATES[state](details);
  if (document.activeElement === view.reconnect) view.name.focus();
  view.reconnect.hidden = state !== 'waiting' && state !== 'stopped';
  view.ping.disabled = state !== 'live';
  if (state === 'live') {
    clearErrors(view);
    view.outcome.replaceChildren();
  }
}

export function showWho(view, { user, expiresAt }) {
  const until = `access token until ${timeOf(expiresAt)}`;
  const facts = `${user.role} · user ${user.id} · ${until}`;
  view.who.replaceChildren(element('strong', {}, user.phone_number), element('small', {}, facts));
}

/** How a session or a socket came to its end. */
export function showOutcome(view, { title, meaning, timing }) {
  const parts = [element('strong', {}, title), element('span', {}, meaning)];
  if (timing !== undefined) {
    const after = ` after “${timing.what}” was pressed on ${timing.by}`;
    const ms = element('span', { className: 'milliseconds' }, inMilliseconds(timing.ms));
    parts.push(element('span', {}, ms, after));
  }
  view.outcome.replaceChildren(...parts);
}
