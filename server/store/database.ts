import { readdir } from 'node:fs/promises';
import createKnex, { type Knex } from 'knex';
import { DatabaseError, Pool, type PoolClient, type PoolConfig, type QueryConfig } from 'pg';
import { AppError } from '../errors.ts';

/** A pool of connections: what a transaction is opened on. */
export type Database = Pool;
/** An open transaction, for what must only ever run inside one. */
export type Trx = PoolClient;
/** Either: what every store function takes first. */
export type Db = Database | Trx;

type Binding = string | number | boolean | Date | null | string[] | Record<string, unknown>;

/** A query that has not answered by then fails: the request answers 503 and holds nothing up. */
const QUERY_TIMEOUT_MS = 3000;
const ACQUIRE_TIMEOUT_MS = 2500;
const CLOSE_TIMEOUT_MS = 2000;
const MIGRATIONS_DIRECTORY = new URL('../../migrations/', import.meta.url);
/** Any number, as long as it is ours alone in this database. */
const MIGRATION_LOCK = 7_269_320_113;

/** knex brings the schema up to date; at runtime pg alone is used, which costs a query a fifth less. */
export function openDatabase(
  url: string,
  poolSize: number,
  queryTimeoutMs = QUERY_TIMEOUT_MS,
): Database {
  const options: PoolConfig = {
    connectionString: url,
    application_name: 'medallion',
    keepAlive: true,
    connectionTimeoutMillis: ACQUIRE_TIMEOUT_MS,
    query_timeout: queryTimeoutMs,
    max: poolSize,
  };
  const pool = new Pool(options);
  // A connection that breaks, idle or in the middle of a transaction, is replaced: the next query on it tells.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Resolves when every connection has been given back and ended; one that a silent database holds is left behind. */
export async function closeDatabase(db: Database): Promise<void> {
  if (db.ending) return;
  const patience = new Promise((resolve) => setTimeout(resolve, CLOSE_TIMEOUT_MS).unref());
  await Promise.race([db.end(), patience]);
}

/** The rows of one statement with `:name` bindings; columns are given their camelCase names in the SQL. */
export async function select<Row>(
  db: Db,
  sql: string,
  bindings: Record<string, Binding> = {},
): Promise<Row[]> {
  const { name, text, names } = prepare(sql);
  return run(db, { name, text, values: names.map((each) => bindings[each]) });
}

/**
 * As `select`, for a list whose best plan hangs on what is asked for: PostgreSQL plans it anew each time, with the
 * values in sight.
 */
export async function selectByPlan<Row>(
  db: Db,
  sql: string,
  bindings: Record<string, Binding>,
): Promise<Row[]> {
  const { text, names } = prepare(sql);
  return run(db, { text, values: names.map((each) => bindings[each]) });
}

async function run<Row>(db: Db, query: QueryConfig): Promise<Row[]> {
  try {
    return (await db.query(query)).rows as Row[];
  } catch (error) {
    throw toOutage(error);
  }
}

interface Statement {
  name: string;
  text: string;
  /** Of its bindings, in the order of their numbers. */
  names: string[];
}

const statements = new Map<string, Statement>();
const BINDING = /(?<!:):([a-zA-Z]+)/g;

/** Every statement is prepared once per connection: PostgreSQL keeps its parse, and its plan where that pays. */
function prepare(sql: string): Statement {
  const known = statements.get(sql);
  if (known !== undefined) return known;
  const names = [...new Set(Array.from(sql.matchAll(BINDING), ([, name = '']) => name))];
  const text = sql.replace(BINDING, (_match, name: string) => `$${names.indexOf(name) + 1}`);
  const statement = { name: `medallion_${statements.size}`, text, names };
  statements.set(sql, statement);
  return statement;
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
  db: Database,
  work: (trx: Trx) => Promise<Result>,
): Promise<Result> {
  const trx = await connect(db);
  try {
    await select(trx, 'BEGIN');
    const result = await work(trx);
    await select(trx, 'COMMIT');
    trx.release();
    runAfterCommit(trx);
    return result;
  } catch (error) {
    await rollBack(trx);
    throw error;
  }
}

const tasksAfterCommit = new WeakMap<Trx, (() => void)[]>();

/** Runs `task` when the transaction has been committed, and never if it is not. */
export function afterCommit(trx: Trx, task: () => void): void {
  tasksAfterCommit.set(trx, [...(tasksAfterCommit.get(trx) ?? []), task]);
}

function runAfterCommit(trx: Trx): void {
  const tasks = tasksAfterCommit.get(trx) ?? [];
  tasksAfterCommit.delete(trx);
  for (const task of tasks) task();
}

async function connect(db: Database): Promise<Trx> {
  try {
    return await db.connect();
  } catch (error) {
    throw toOutage(error);
  }
}

/** A connection that cannot roll back is not used again. */
async function rollBack(trx: Trx): Promise<void> {
  tasksAfterCommit.delete(trx);
  try {
    await trx.query('ROLLBACK');
    trx.release();
  } catch (error) {
    trx.release(error as Error);
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
      await trx.raw('SELECT pg_advisory_xact_lock(?)', [MIGRATION_LOCK]);
      await db.migrate.forceFreeMigrationsLock({ migrationSource });
      const [, names] = (await db.migrate.latest({ migrationSource })) as [number, string[]];
      return names;
    });
  } finally {
    await db.destroy();
  }
}
