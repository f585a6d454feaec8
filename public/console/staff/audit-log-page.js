import { auditFilters } from '../activity/filters.js';
import { busyButton } from '../feedback.js';
import { field } from '../form.js';
import { pagedTable } from '../table.js';
import { card, h, icon, pageHead } from '../view.js';
import { readEvents, STAFF_EVENT_COLUMNS } from './audit-events.js';
import { download } from './download.js';
import { staffPage } from './layout.js';

const FORMATS = { csv: 'CSV', ndjson: 'NDJSON' };

export default staffPage({
  title: 'Audit log',
  permission: 'audit:read',
  render(root, context) {
    const { account, query, path, signal } = context;
    const filters = auditFilters({
      query,
      path,
      more: [
        textField({ label: 'User id', name: 'user_id', inputmode: 'numeric' }, query),
        textField({ label: 'By', name: 'actor', placeholder: 'user:12, client:dispatch' }, query),
      ],
      onChange: () => void list.reload(),
    });
    const list = pagedTable({
      caption: 'What happened, the newest first',
      columns: STAFF_EVENT_COLUMNS,
      signal,
      load: ({ cursor, signal }) =>
        readEvents(account, { query: { ...filters.query(), cursor, limit: 50 }, signal }),
      empty: { mark: 'list', title: 'Nothing fits', text: 'Widen the filters.' },
    });
    root.append(
      pageHead({
        title: 'Audit log',
        lead: 'What happened to everybody, and who did it. An export takes the filters along, and is itself put on record.',
        actions: Object.keys(FORMATS).map((format) => exportButton(context, format, filters)),
      }),
      h('div.audit', {}, card({ title: 'Events' }, filters.root, list.root)),
    );
    void list.reload();
  },
});

function textField(shape, query) {
  return field({ ...shape, value: query.get(shape.name) ?? '', autocomplete: 'off' });
}

function exportButton({ account, signal }, format, filters) {
  const save = () => {
    const search = new URLSearchParams({ ...filters.query(), format });
    const path = `/api/admin/audit-log?${search}`;
    return download(account, { path, fileName: `audit-log.${format}`, signal });
  };
  const button = busyButton(FORMATS[format], save, {
    'aria-label': `Export as ${FORMATS[format]}`,
  });
  button.prepend(icon('download'));
  return button;
}
