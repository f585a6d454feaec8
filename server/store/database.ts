import { readdir } from 'node:fs/promises';
import createKnex, { type Knex } from 'knex';
import { DatabaseError } from 'pg';
import { AppError } from '../errors.ts';

/** A pool of connections, or the one that a transaction holds: what every store function takes first. */
export type Db = Knex;
/** An open transaction, for what must only ever run inside one. */
export type Trx = Knex.Transaction;

type Binding = string | number | boolean | Date | null | string[] | Record<string, unknown>;

/** A query that has not answered by then fails: the request answers 503 and holds nothing up. */
const QUERY_TIMEOUT_MS = 3000;
const MIGRATIONS_DIRECTORY = new URL('../../migrations/', import.meta.url);
/** Any number, as long as it is ours alone in this database. */
const MIGRATION_LOCK = 7_269_320_113;

const SILENT = { warn: () => undefined, error: () => undefined };

export function openDatabase(url: string, poolSize: number): Db {
  return createKnex({
    client: 'pg',
    // What it would print is what it throws as well.
    log: SILENT,
    // An error's message would hold the bindings, phone numbers for instance, and be logged.
    compileSqlOnError: false,
    connection: {
      connectionString: url,
      application_name: 'medallion',
      keepAlive: true,
      connectionTimeoutMillis: 2000,
      query_timeout: QUERY_TIMEOUT_MS,
    },
    pool: { min: 0, max: poolSize },
    acquireConnectionTimeout: 2500,
  });
}

/** The rows of one statement with `:name` bindings; columns are given their camelCase names in the SQL. */
export async function select<Row>(
  db: Db,
  sql: string,
  bindings: Record<string, Binding> = {},
): Promise<Row[]> {
  try {
    const query = db.raw<{ rows: Row[] }>(sql, bindings).options({ name: statementName(sql) });
    return (await query).rows;
  } catch (error) {
    throw toOutage(error);
  }
}

const statementNames = new Map<string, string>();

/** Every statement is prepared once per connection: PostgreSQL keeps its parse, and its plan where that pays. */
function statementName(sql: string): string {
  const known = statementNames.get(sql);
  if (known !== undefined) return known;
  const name = `medallion_${statementNames.size}`;
  statementNames.set(sql, name);
  return name;
}

/** SQLSTATE classes and codes that say "not now": connection, resources, shutdown, read-only standby. */
const NOT_NOW = /^(08...|53...|57P0.|25006)$/;

/** What PostgreSQL itself finds wrong with a query is ours to mend; everything else is an outage. */
function toOutage(error: unknown): unknown {
  if (error instanceof DatabaseError && !NOT_NOW.test(error.code ?? '')) return error;
  return new AppError('service_unavailable', { cause: error });
}

/** The first row, or null. */
export async function selectOne<Row>(
  db: Db,
  sql: string,
  bindings: Record<string, Binding> = {},
): Promise<Row | null> {
  return (await select<Row>(db, sql, bindings))[0] ?? null;
}

/** Runs `work` in one transaction: all of it is committed, or, if it throws, none. */
export async function inTransaction<Result>(
  db: Db,
  work: (trx: Trx) => Promise<Result>,
): Promise<Result> {
  let fault: unknown;
  try {
    return await db.transaction(async (trx) => {
      try {
        return await work(trx);
      } catch (error) {
        fault = error;
        throw error;
      }
    });
  } catch (error) {
    // What `work` threw is known for what it is; the rest is of BEGIN and COMMIT.
    throw error === fault ? error : toOutage(error);
  }
}

/** Resolves if the database answers now. */
export async function pingDatabase(db: Db): Promise<void> {
  await select(db, 'SELECT 1');
}

interface Migration {
  name: string;
  up: (knex: Knex) => Promise<void>;
  down: (knex: Knex) => Promise<void>;
}

/** The migrations of this release in their order, for our own runner and for knex's command line alike. */
export const migrationSource: Knex.MigrationSource<Migration> = {
  async getMigrations() {
    const files = await readdir(MIGRATIONS_DIRECTORY);
    const names = files.filter((file) => file.endsWith('.ts')).sort();
    return Promise.all(
      names.map(async (name) => {
        const module: unknown = await import(new URL(name, MIGRATIONS_DIRECTORY).href);
        return { ...(module as Omit<Migration, 'name'>), name };
      }),
    );
  },
  getMigrationName: (migration) => migration.name,
  getMigration: (migration) => Promise.resolve(migration),
};

/**
 * Brings the schema up to date. Nodes that start together take turns: the advisory lock goes with its
 * connection, where knex's own lock row would outlive a crash.
 */
export async function migrate(url: string): Promise<string[]> {
  const db = createKnex({
    client: 'pg',
    connection: { connectionString: url, application_name: 'medallion-migrate' },
    pool: { min: 0, max: 2 },
  });
  try {
    return await db.transaction(async (trx) => {
      await select(trx, 'SELECT pg_advisory_xact_lock(:lock)', { lock: MIGRATION_LOCK });
      await db.migrate.forceFreeMigrationsLock({ migrationSource });
      const [, names] = (await db.migrate.latest({ migrationSource })) as [number, string[]];
      return names;
    });
  } finally {
    await db.destroy();
  }
}
