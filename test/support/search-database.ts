import { Client } from 'pg';
import { Leaks, textsOf, type Leak, type Matcher } from './leaks.ts';

const ROWS_AT_ONCE = 2000;

/** Every table but PostgreSQL's own; a partition is read with the table that it is a part of. */
const TABLES = `
  SELECT pg_class.oid::regclass::text AS name, ARRAY(
    SELECT attname::text FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
    WHERE attrelid = pg_class.oid AND typname = ANY ($1)
  ) AS counters
  FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'm') AND NOT relispartition
    AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg\\_%'
  ORDER BY name`;

/** Numbers that JSON has as text, where six digits may be any code by chance. */
const COUNTERS = ['xid', 'xid8', 'oid', 'cid', 'tid', 'pg_lsn'];

/** Dumps every table of a database and gives each kind of secret that it holds, with each column that holds it. */
export async function searchDatabase(url: string, matcher: Matcher): Promise<Leak[]> {
  const client = new Client({ connectionString: url, application_name: 'search at rest' });
  await client.connect();
  try {
    await client.query("SET lock_timeout = '5s'");
    await client.query('BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ');
    const tables = await client.query<Table>(TABLES, [COUNTERS]);
    const leaks: Leak[] = [];
    for (const table of tables.rows) leaks.push(...(await searchTable(client, table, matcher)));
    return leaks;
  } finally {
    await client.end();
  }
}

interface Table {
  name: string;
  counters: string[];
}

async function searchTable(
  client: Client,
  { name, counters }: Table,
  matcher: Matcher,
): Promise<Leak[]> {
  const found = new Leaks(matcher);
  const columns = counters.map((column) => client.escapeLiteral(column)).join(', ');
  await client.query(
    `DECLARE dump NO SCROLL CURSOR FOR
     SELECT to_jsonb(dumped) - ARRAY[${columns}]::text[] AS row FROM ${name} AS dumped`,
  );
  for (let isMore = true; isMore;) {
    const { rows } = await client.query<{ row: Record<string, unknown> }>(
      `FETCH ${ROWS_AT_ONCE} FROM dump`,
    );
    for (const [column, value] of rows.flatMap(({ row }) => Object.entries(row))) {
      for (const text of textsOf(value)) found.look(`table ${name}, column ${column}`, text);
    }
    isMore = rows.length > 0;
  }
  await client.query('CLOSE dump');
  return found.list();
}
