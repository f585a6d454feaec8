import { pagedTable } from '../table.js';
import { card, pageHead } from '../view.js';
import { EVENT_COLUMNS } from './columns.js';
import { auditFilters } from './filters.js';

export default {
  title: 'Activity',
  render(root, { account, query, path, signal }) {
    const filters = auditFilters({ query, path, onChange: () => void list.reload() });
    const list = pagedTable({
      caption: 'What happened to your account, the newest first',
      columns: EVENT_COLUMNS,
      empty: { title: 'Nothing of the kind', text: 'Widen the filters.', mark: 'list' },
      signal,
      load: async ({ cursor, signal }) => {
        const options = { query: { ...filters.query(), cursor, limit: 25 }, signal };
        const page = await account.request('GET', '/api/auth/audit-log', options);
        return { items: page.events, next_cursor: page.next_cursor };
      },
    });
    root.append(
      pageHead({
        title: 'Activity',
        lead: 'What happened to your account, and from where: sign-ins, changes, and what was refused.',
      }),
      card({ title: 'Events' }, filters.root, list.root),
    );
    void list.reload();
  },
};
