import type { Row } from './judgement.ts';

const HEADINGS = [
  'fault',
  'last frame, ms',
  'close, ms',
  'code',
  'honest sockets (longest silence)',
  'slowest answer, ms',
  'with PostgreSQL, ms',
  'as claimed',
];

const LEGEND = `Times of the revoked sockets, of which each row has the slowest, are from the commit as PostgreSQL noted it.
\\* From the request: of some PostgreSQL committed nothing, A answered 503, and told everybody all the same.
A negative time: the last answered ping came before the commit.`;

/** The table in Markdown, and how to read it. */
export function toTable(rows: Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    number(row.lastFrameMs) + (row.isCommitted ? '' : '\\*'),
    number(row.closeMs) + (row.isCommitted ? '' : '\\*'),
    row.codes,
    row.honest,
    number(row.slowestMs),
    number(row.slowestDatabaseMs),
    row.complaints.length === 0 ? 'yes' : 'no',
  ]);
  const lines = [HEADINGS, HEADINGS.map(() => '---'), ...cells];
  const table = lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
  return `${table}\n\n${LEGEND}`;
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value)) : 'never';
}
