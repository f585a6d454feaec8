import { busyButton, toast } from '../feedback.js';
import { field, form, FieldFault } from '../form.js';
import { countdown } from '../time.js';
import { badge, h } from '../view.js';

/** Where the demo drives: a few streets around this place. */
const CENTRE = { lat: 37.7749, lng: -122.4194 };
const SPREAD = 0.01;
const RADIUS_M = 3000;

/** What a phone that is signed in can do. */
export function phoneSession(phone, other) {
  const { user } = phone.session;
  const left = h('span.number');
  const endOther = busyButton(`End ${other.name}`, () => phone.endOther(other));
  const reconnect = h(
    'button',
    { type: 'button', onclick: () => phone.live.reconnect() },
    'Connect now',
  );
  const socketButtons = liveButtons(phone, user.role);
  const root = h(
    'div.stack',
    {},
    h(
      'div.row.spread',
      {},
      h(
        'div',
        {},
        h('strong', {}, user.phone_number),
        h('p.small.muted', {}, `User ${user.id} · access token `, left),
      ),
      badge(user.role, { kind: 'info', mark: 'user' }),
    ),
    h('div.row', {}, reconnect, socketButtons, ownFrameButton(phone)),
    h(
      'div.row.ends',
      {},
      busyButton('Log out', () => phone.logOut()),
      endOther,
      busyButton('Log out all devices', () => phone.logOutEverywhere()),
      h('a.button.quiet', { href: `#/devices?of=${phone.id}` }, 'Devices'),
      h('a.button.quiet', { href: `#/apps/${phone.id}` }, 'This number'),
    ),
  );
  const update = () => {
    if (phone.session === null) return;
    const ms = phone.session.expiresAt - Date.now();
    left.textContent = ms > 0 ? `renewed within ${countdown(ms)}` : 'is being renewed';
    const isOpen = phone.state.state === 'open';
    for (const button of socketButtons) button.disabled = !isOpen;
    reconnect.hidden = phone.state.state !== 'waiting';
    endOther.hidden = other.sessionId === null || other.session?.user.id !== user.id;
  };
  const timer = setInterval(update, 1000);
  return { root, update, close: () => clearInterval(timer) };
}

function liveButtons(phone, role) {
  const ask = (frame) => phone.live.ask(frame);
  const button = (label, task) => busyButton(label, task);
  return [
    button('Ping', () => ask({ type: 'ping' })),
    role === 'driver'
      ? button('Report a place', () => ask({ type: 'location', ...somewhere(), heading: 90 }))
      : button('Find drivers', () => ask({ type: 'nearby', ...CENTRE, radius_m: RADIUS_M })),
    button('Refresh the token', () => phone.client.refresh()),
  ];
}

function somewhere() {
  const near = (degrees) => Number((degrees + (Math.random() - 0.5) * SPREAD).toFixed(5));
  return { lat: near(CENTRE.lat), lng: near(CENTRE.lng), speed: 8 };
}

/** Any frame that somebody wants to try, right or wrong. */
function ownFrameButton(phone) {
  const root = h('details.own-frame');
  const body = form({
    fields: [
      field({
        label: 'Frame',
        name: 'frame',
        hint: 'JSON. What answers is in the log.',
        control: h('textarea', {
          rows: '3',
          spellcheck: 'false',
          value: '{ "type": "ping", "ref": 1 }',
        }),
      }),
    ],
    submit: 'Send',
    kind: 'button',
    onSubmit: ({ frame }) => {
      phone.live.send(parseFrame(frame));
      toast('The frame is sent.');
    },
  });
  root.append(h('summary', {}, 'Send a frame of your own'), body);
  return root;
}

function parseFrame(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FieldFault('frame', `Not JSON: ${error.message}`);
  }
}
