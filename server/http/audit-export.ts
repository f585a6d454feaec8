import { stringify } from 'csv-stringify/sync';
import type { AppContext } from '../context.ts';
import { listEvents, type AuditFilters, type AuditListItem } from '../queries/audit-log.ts';
import { toAdminEvent } from './audit-log.ts';
import { Streamed } from './streamed.ts';

/** Rows that are read, and held in memory, at once. */
const BATCH = 1000;

const COLUMNS = [
  'id',
  'created_at',
  'event_type',
  'severity',
  'user_id',
  'actor',
  'session_id',
  'ip',
  'user_agent',
  'device_id',
  'request_id',
  'details',
] as const satisfies (keyof AdminEvent)[];

const FORMATS = {
  ndjson: {
    contentType: 'application/x-ndjson',
    header: '',
    toText: (events: AdminEvent[]) => events.map((event) => `${JSON.stringify(event)}\n`).join(''),
  },
  csv: {
    contentType: 'text/csv; charset=utf-8; header=present',
    header: `${COLUMNS.join(',')}\n`,
    // A cell that begins like a formula is one to the program that opens the file.
    toText: (events: AdminEvent[]) => stringify(events.map(toCells), { escape_formulas: true }),
  },
};

export type ExportFormat = keyof typeof FORMATS;
type AdminEvent = ReturnType<typeof toAdminEvent>;

const EXAMPLE: AdminEvent = {
  id: '1042',
  event_type: 'login_succeeded',
  severity: 'info',
  created_at: '2026-03-01T08:30:00.000Z',
  session_id: null,
  ip: '203.0.113.7',
  user_agent: null,
  device_id: null,
  request_id: null,
  details: {},
  user_id: 42,
  actor: null,
};

/** What a file of one event is like, for the description. */
export const EXPORT_EXAMPLES = {
  ndjson: FORMATS.ndjson.toText([EXAMPLE]),
  csv: FORMATS.csv.header + FORMATS.csv.toText([EXAMPLE]),
};

/** All events that the filters let through, the newest first, sent as they are read. */
export function exportEvents(
  { db }: Pick<AppContext, 'db'>,
  { format, filters }: { format: ExportFormat; filters: AuditFilters },
): Streamed {
  const { contentType, header, toText } = FORMATS[format];
  async function* chunks() {
    let head = header;
    for await (const batch of readBatches(db, filters)) {
      yield head + toText(batch.map(toAdminEvent));
      head = '';
    }
  }
  return new Streamed({ contentType, fileName: `audit-log.${format}`, chunks: chunks() });
}

async function* readBatches(
  db: AppContext['db'],
  filters: AuditFilters,
): AsyncGenerator<AuditListItem[]> {
  let { after } = filters;
  for (;;) {
    const batch = await listEvents(db, { ...filters, after, limit: BATCH });
    yield batch;
    const last = batch.at(-1);
    if (last === undefined || batch.length < BATCH) return;
    after = last;
  }
}

function toCells(event: AdminEvent): unknown[] {
  return COLUMNS.map((name) => (name === 'details' ? JSON.stringify(event.details) : event[name]));
}
