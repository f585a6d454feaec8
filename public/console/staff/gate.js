import { busyButton } from '../feedback.js';
import { isStaff, nameOf } from '../people.js';
import { card, emptyState, h } from '../view.js';
import { can, isStaffRole } from './permissions.js';

/** Of whom it is known that the server lets them in: asked once for each sign-in. */
const admitted = new WeakMap();

/** @returns null, or what is shown to whoever may not see the page: why, and what to do. */
export async function admit({ account, navigate, signal }, permission) {
  // Somebody may have become staff, or ceased to be, since the session began.
  if (!isStaff(account.session.user)) await account.me();
  const { user } = account.session;
  if (!isStaffRole(user.role)) return notStaff(user, { account, navigate });
  if (await needsSecondFactor(account, signal)) return withoutSecondFactor();
  return can(user.role, permission) ? null : notAllowed(user.role);
}

async function needsSecondFactor(account, signal) {
  const { id, role } = account.session.user;
  const who = `${id} ${role}`;
  if (admitted.get(account) === who) return false;
  try {
    await account.request('GET', '/api/admin/users', { query: { limit: 1 }, signal });
    admitted.set(account, who);
    return false;
  } catch (error) {
    if (error.code === 'two_factor_required') return true;
    throw error;
  }
}

function withoutSecondFactor() {
  return page(
    emptyState({
      mark: 'shield',
      title: 'Set up your second factor first',
      text: 'Staff can end the sessions of others, so a password alone does not open these pages. It takes a minute and an authenticator app.',
      action: h('a.button.primary', { href: '#/account' }, 'Set up the second factor'),
    }),
  );
}

function notAllowed(role) {
  return page(
    emptyState({
      mark: 'key',
      title: 'Your role does not allow this page',
      text: `You act as ${role}. An administrator can give you another role.`,
      action: h('a.button', { href: '#/staff/users' }, 'Go to the users'),
    }),
  );
}

function notStaff(user, { account, navigate }) {
  const change = async () => {
    await account.signOut();
    navigate('/sign-in?next=/staff/users');
  };
  return page(
    emptyState({
      mark: 'user',
      title: 'These pages are for staff',
      text: `You are signed in as ${nameOf(user)}, with no role of staff: viewer, editor or admin.`,
      action: busyButton('Sign in with another account', change, { class: 'primary' }),
    }),
    card({ title: 'How somebody becomes staff' }, waysIn()),
  );
}

function waysIn() {
  return h(
    'ul.ways',
    {},
    h('li', {}, h('strong', {}, 'There is an admin: '), 'they give you a role under Staff, Users.'),
    h(
      'li',
      {},
      h('strong', {}, 'There is none yet, in development: '),
      h('code', {}, 'npm run seed'),
      ' makes one, and prints the password once.',
    ),
    h(
      'li',
      {},
      h('strong', {}, 'There is none yet, in production: '),
      'start a node with ',
      h('code', {}, 'BOOTSTRAP_ADMIN_EMAIL'),
      ' and ',
      h('code', {}, 'BOOTSTRAP_ADMIN_PASSWORD'),
      ', sign in with them, and take the password out of the environment.',
    ),
  );
}

function page(...children) {
  const heading = h('h1.spoken', { tabindex: '-1' }, 'Staff');
  return h('div.stack.gate', {}, heading, children);
}
