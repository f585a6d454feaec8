import { problemNotice, whileBusy } from './feedback.js';
import { isAbort } from './problem.js';
import { content, emptyState, h, skeleton } from './view.js';

/**
 * Rows under headings; where there is no room for columns, a card for each row (`styles/components.css`).
 * @param options `caption`: said, not shown; `columns`: `{ title, cell(item), kind? }`: without a title a cell has no label
 *   on its card, `kind` is `end` or `number`; `rowProps(item)`: attributes of a row
 */
export function table({ caption, columns, rowProps = () => ({}) }) {
  const body = h('tbody', { role: 'rowgroup' });
  const heads = columns.map(({ title, kind }) =>
    h(
      kind ? `th.${kind}` : 'th',
      { scope: 'col', role: 'columnheader' },
      title || spoken('Actions'),
    ),
  );
  // Displayed as blocks, a table has the roles of one only where they are said.
  const root = h(
    'table.table',
    { role: 'table' },
    h('caption.spoken', {}, caption),
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
    body,
  );
  const row = (item) => h('tr', { role: 'row', ...rowProps(item) }, columns.map(cellOf(item)));
  return {
    root,
    append: (items) => body.append(...items.map(row)),
    replace: (items) => body.replaceChildren(...items.map(row)),
  };
}

function cellOf(item) {
  return ({ title, cell, kind }) =>
    h(
      kind ? `td.${kind}` : 'td',
      { role: 'cell', 'data-label': title || undefined },
      h('div', {}, content([cell(item)])),
    );
}

function spoken(text) {
  return h('span.spoken', {}, text);
}

/**
 * A list that is read page by page: its rows, “Show more”, and what is shown while it loads, fails, or is empty.
 * @param options `load({ cursor, signal })` → `{ items, next_cursor }`; `empty`: as of `emptyState`; the others as of `table`
 * @returns `{ root, reload() }`: nothing is loaded before the first `reload`
 */
export function pagedTable({ load, empty, signal, ...shape }) {
  const root = h('div.stack', { 'aria-live': 'off' });
  const rows = table(shape);
  let cursor = null;
  let reading;

  const read = async (from) => {
    reading?.abort();
    reading = new AbortController();
    const signals = content([signal, reading.signal]);
    return load({ cursor: from, signal: AbortSignal.any(signals) });
  };
  const more = h('button', { type: 'button' }, 'Show more');
  const foot = h('div.table-foot', {}, more);
  more.addEventListener('click', () =>
    whileBusy(more, async () => {
      const page = await read(cursor);
      rows.append(page.items);
      take(page);
    }),
  );
  const take = (page) => {
    cursor = page.next_cursor;
    foot.hidden = cursor === null;
  };

  const reload = async () => {
    if (!root.contains(rows.root)) root.replaceChildren(skeleton(5));
    try {
      const page = await read(null);
      rows.replace(page.items);
      take(page);
      root.replaceChildren(...(page.items.length > 0 ? [rows.root, foot] : [emptyState(empty)]));
    } catch (error) {
      if (!isAbort(error)) root.replaceChildren(problemNotice(error, { retry: reload }));
    }
  };
  return { root, reload };
}
