import { busyButton } from './feedback.js';
import { isStaff, nameOf } from './people.js';
import { prefetch } from './router.js';
import { staffRoutes } from './staff/routes.js';
import { content, h } from './view.js';

/** The page that was asked for comes first. */
const PREFETCH_MS = 1000;

const STATES = {
  connecting: ['', () => 'Connecting…'],
  open: ['good', () => 'Live'],
  waiting: ['warn', ({ retryInMs }) => `Reconnecting in ${Math.ceil((retryInMs ?? 0) / 1000)} s`],
  closed: ['bad', () => 'Not live'],
};

/** The bar above every page: where one can go, who is signed in, and whether they are live. */
export function createShell({ nav, who }, { account, live }) {
  let path = '/';
  const draw = () => {
    nav.replaceChildren(...linksFor(account.session).map((link) => anchor(link, path)));
    who.replaceChildren(...content(account.session ? signedIn({ account, live }) : signedOut()));
  };
  account.on('signedIn', draw);
  account.on('signedOut', draw);
  draw();
  setTimeout(() => linksFor(account.session).forEach((link) => prefetch(link.path)), PREFETCH_MS);
  return {
    showPath(shown) {
      path = shown;
      draw();
    },
  };
}

function linksFor(session) {
  const staff = staffRoutes[0];
  return content([
    { path: '/', text: 'Apps' },
    { path: '/account', text: 'Account', also: ['/sign-in', '/register', '/forgot-password'] },
    { path: '/devices', text: 'Devices' },
    session && { path: '/activity', text: 'Activity' },
    session &&
      staff &&
      isStaff(session.user) && { path: staff.path, text: 'Staff', root: '/staff' },
  ]);
}

function anchor({ path, text, also = [], root = path }, shown) {
  const isHere = shown === path || also.includes(shown) || (root !== '/' && shown.startsWith(root));
  return h('a', { href: `#${path}`, 'aria-current': isHere ? 'page' : undefined }, text);
}

function signedIn({ account, live }) {
  const name = nameOf(account.session.user);
  return [
    liveDot(live),
    h('span.name', { title: name }, name),
    busyButton('Sign out', () => account.signOut()),
  ];
}

function signedOut() {
  return h('a.button', { href: '#/sign-in' }, 'Sign in');
}

function liveDot(live) {
  const dot = h('span.dot', { id: 'live', role: 'status' });
  const show = (said) => {
    const [kind, words] = STATES[said.state];
    dot.className = `dot ${kind}`;
    dot.textContent = words(said);
  };
  show({ state: live.state });
  const off = live.on('state', (said) => (dot.isConnected ? show(said) : off()));
  return dot;
}
