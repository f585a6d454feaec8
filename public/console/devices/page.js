import { openPhones } from '../apps/phone.js';
import { confirmDialog } from '../dialog.js';
import { busyButton, toast } from '../feedback.js';
import { nameOf } from '../people.js';
import { pagedTable } from '../table.js';
import { card, emptyState, h, pageHead } from '../view.js';
import { sessionColumns } from './columns.js';

export default {
  title: 'Devices',
  async render(root, { account, query, signal, reload }) {
    const holders = await listHolders(account);
    const holder = holders.find(({ id }) => id === query.get('of')) ?? holders[0];
    if (holder === undefined) {
      root.append(pageHead({ title: 'Devices' }), nobody());
      return undefined;
    }
    const { client } = holder;
    const list = pagedTable({
      caption: 'Sessions',
      columns: sessionColumns((session) => endButton(client, session, () => list.reload())),
      empty: { title: 'No sessions', mark: 'phone' },
      rowProps: ({ is_current }) => ({ class: is_current ? 'current' : undefined }),
      signal,
      load: async ({ cursor, signal }) => {
        const options = { query: { cursor, limit: 20 }, signal };
        const page = await client.request('GET', client.authPath('/sessions'), options);
        return { items: page.sessions, next_cursor: page.next_cursor };
      },
    });
    root.append(
      pageHead({
        title: 'Devices',
        lead: 'Every session of yours, of whatever kind. To end one closes its sockets and voids its tokens at once.',
        actions: endActions(client, list.reload),
      }),
      card(
        { title: holder.name, actions: [holders.length > 1 && chooser(holders, holder)] },
        list.root,
      ),
    );
    void list.reload();
    // Whoever is signed out while this is shown finds what is left, or the way to a sign-in.
    return client.on('signedOut', () => void reload());
  },
};

/** Whose sessions can be shown: the account's, and those of the phones on the first page. */
async function listHolders(account) {
  const phones = (await openPhones()).map(({ id, name, client }) => ({ id, what: name, client }));
  return [{ id: 'account', what: 'Account', client: account }, ...phones]
    .filter(({ client }) => client.session !== null)
    .map((holder) => ({
      ...holder,
      name: `${holder.what} · ${nameOf(holder.client.session.user)}`,
    }));
}

function nobody() {
  return emptyState({
    title: 'Nobody is signed in',
    text: 'Sign in to an account, or with a phone number, to see the devices it is used on.',
    mark: 'phone',
    action: h(
      'div.row',
      {},
      h('a.button.primary', { href: '#/sign-in?next=/devices' }, 'Sign in to an account'),
      h('a.button', { href: '#/' }, 'Sign in with a phone'),
    ),
  });
}

function chooser(holders, shown) {
  return h(
    'nav.tabs',
    { 'aria-label': 'Whose devices' },
    holders.map(({ id, what }) =>
      h(
        'a',
        { href: `#/devices?of=${id}`, 'aria-current': id === shown.id ? 'true' : undefined },
        what,
      ),
    ),
  );
}

function endActions(client, reload) {
  const others = busyButton('End all others', async () => {
    await client.request('DELETE', client.authPath('/sessions'));
    toast('All other sessions are ended.');
    await reload();
  });
  const all = busyButton(
    'End all',
    async () => {
      const isConfirmed = await confirmDialog({
        title: 'End all sessions?',
        text: 'This one is among them: you sign in again.',
        confirm: 'End all',
      });
      if (isConfirmed) await client.signOutEverywhere();
    },
    { class: 'danger' },
  );
  return [others, all];
}

function endButton(client, session, reload) {
  const what = session.device_name ?? 'this session';
  const end = async () => {
    if (session.is_current) return void (await client.signOut());
    await client.endSession(session.id);
    toast(`${what} is signed out.`);
    await reload();
  };
  const label = session.is_current ? 'Sign out' : 'End';
  return busyButton(label, end, { 'aria-label': `${label}: ${what}` });
}
