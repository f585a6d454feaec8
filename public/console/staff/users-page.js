import { field, select } from '../form.js';
import { pagedTable } from '../table.js';
import { relativeTime } from '../time.js';
import { h, icon, pageHead } from '../view.js';
import { createUser } from './create-user.js';
import { staffPage } from './layout.js';
import { ROLES } from './permissions.js';
import { roleBadges, stateBadge, userLink } from './user-parts.js';

const TYPING_MS = 250;
const SHORTEST = 3;

const COLUMNS = [
  { title: 'User', cell: userLink },
  { title: 'Roles', cell: ({ roles }) => roleBadges(roles) },
  { title: 'State', cell: stateBadge },
  { title: 'Last sign-in', cell: ({ last_login: at }) => (at ? relativeTime(at) : 'Never') },
  { title: 'Made', cell: ({ created_at: at }) => relativeTime(at) },
];

export default staffPage({
  title: 'Users',
  permission: 'users:read',
  render(root, context) {
    const filters = Object.fromEntries(context.query);
    const said = h('p.spoken', { role: 'status' });
    const list = pagedTable({
      caption: 'Users, the newest first',
      columns: COLUMNS,
      signal: context.signal,
      load: async ({ cursor, signal }) => {
        const page = await readUsers(context.account, { filters, cursor, signal });
        said.textContent = page.items.length === 0 ? 'Nobody found' : `${page.items.length} shown`;
        return page;
      },
      empty: {
        mark: 'search',
        title: 'Nobody fits',
        text: 'Look for a part of a phone number, an e-mail address or a username.',
      },
    });
    const bar = filterBar(filters, () => {
      rememberInAddress(filters);
      void list.reload();
    });
    root.append(
      head(context),
      h('section.card.users', { 'aria-label': 'Users' }, bar, said, list.root),
    );
    void list.reload();
  },
});

function head(context) {
  const create = h(
    'button.primary',
    { type: 'button', onclick: () => void createUser(context) },
    'New user',
  );
  return pageHead({
    title: 'Users',
    lead: 'Riders, drivers and staff: everybody who can sign in.',
    actions: context.can('users:write') ? [create] : [],
  });
}

async function readUsers(account, { filters, cursor, signal }) {
  const query = { ...filters, cursor, limit: 50 };
  const { users, next_cursor } = await account.request('GET', '/api/admin/users', {
    query,
    signal,
  });
  return { items: users, next_cursor };
}

function filterBar(filters, onChange) {
  const role = select([['', 'Any role'], ...ROLES.map((each) => [each, each])], filters.role);
  const state = select(
    [
      ['', 'Any state'],
      ['true', 'Active'],
      ['false', 'Deactivated'],
    ],
    filters.is_active,
  );
  const set = (name, value) => {
    filters[name] = value === '' ? undefined : value;
    onChange();
  };
  role.addEventListener('change', () => set('role', role.value));
  state.addEventListener('change', () => set('is_active', state.value));
  return h(
    'div.filters',
    { role: 'search', 'aria-label': 'Users' },
    searchField(filters.q ?? '', (text) => set('q', text)),
    field({ label: 'Role', name: 'role', control: role }),
    field({ label: 'State', name: 'is_active', control: state }),
  );
}

/** Asks when the typing rests; less than the server looks for is no search yet. */
function searchField(value, onSearch) {
  const input = h('input', {
    type: 'search',
    value,
    placeholder: 'Phone, e-mail or username',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const made = field({ label: 'Search', name: 'q', control: input });
  made.classList.add('search-field');
  input.before(icon('search'));
  const fault = made.querySelector('.field-error');
  let timer;
  let asked = value;
  input.addEventListener('input', () => {
    clearTimeout(timer);
    const text = input.value.trim();
    fault.textContent = '';
    timer = setTimeout(() => {
      const isTooShort = text.length > 0 && text.length < SHORTEST;
      fault.textContent = isTooShort ? `Type ${SHORTEST} characters at least.` : '';
      if (isTooShort || text === asked) return;
      asked = text;
      onSearch(text);
    }, TYPING_MS);
  });
  return made;
}

/** So that the way back from a user leads to what was found. */
function rememberInAddress(filters) {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given).toString();
  history.replaceState(null, '', `#/staff/users${query && `?${query}`}`);
}
