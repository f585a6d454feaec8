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

/** The table in Markdown; times of a revoked socket are from the commit of its session's end. */
export function toTable(rows: Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    number(row.lastFrameMs) + (row.isCommitted ? '' : '*'),
    number(row.closeMs) + (row.isCommitted ? '' : '*'),
    row.codes,
    row.honest,
    number(row.slowestMs),
    number(row.slowestDatabaseMs),
    row.complaints.length === 0 ? 'yes' : 'no',
  ]);
  const lines = [HEADINGS, HEADINGS.map(() => '---'), ...cells];
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function number(value: number): string {
  return Number.isFinite(value) ? String(Math.round(value)) : 'never';
}
