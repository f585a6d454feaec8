import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import createKnex from 'knex';
import { Client } from 'pg';
import { migrate, migrationSource } from '../server/store/database.ts';
import { keepAuditLog } from '../server/use-cases/keep-audit-log.ts';
import { register, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query, required } from './support/database.ts';
import { bearer } from './support/phone.ts';
import { atEnd } from './support/teardown.ts';
import { TestClock } from './support/test-clock.ts';

const NODES = 10;

const app = await startApp();
const keeping = await startApp({ env: { AUDIT_RETENTION_MONTHS: '3' } });

/** The upkeep of the log as a node does it whose clock shows this time. */
function keepAt(time: string, { context } = app): Promise<void> {
  const clock = new TestClock();
  clock.advance(Date.parse(time) - clock.now());
  return keepAuditLog({ ...context, clock });
}

function keepAtOnce(time: string, node = app): Promise<unknown> {
  return Promise.all(Array.from({ length: NODES }, () => keepAt(time, node)));
}

/** The months that have a part of their own, in order: `2026_11`. */
async function listMonths(): Promise<string[]> {
  const rows = await query<{ month: string }>(
    `SELECT substr(relname, 11) AS month FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = 'audit_log'::regclass AND relname <> 'audit_log_default' ORDER BY 1`,
  );
  return rows.map(({ month }) => month);
}

async function insertEvent(time: string, userId: number | null = null): Promise<void> {
  await query(
    `INSERT INTO audit_log (at, event_type, severity, user_id) VALUES ($1, 'logout', 'info', $2)`,
    [time, userId],
  );
}

/** In which part the events of a moment lie. */
async function partsOf(time: string): Promise<string[]> {
  const rows = await query<{ part: string }>(
    'SELECT tableoid::regclass::text AS part FROM audit_log WHERE at = $1',
    [time],
  );
  return rows.map(({ part }) => part);
}

async function makeMonth(day: string): Promise<void> {
  await query('SELECT create_audit_month($1)', [day]);
}

describe('the months of the log', () => {
  test('have a part each, this one and two ahead, from the first start on', async () => {
    const now = new Date();
    const expected = [0, 1, 2].map((ahead) =>
      new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1))
        .toISOString()
        .slice(0, 7)
        .replace('-', '_'),
    );
    assert.deepEqual(await listMonths(), expected);
    const { userId } = await register(app);
    const [row] = await query<{ part: string }>(
      'SELECT tableoid::regclass::text AS part FROM audit_log WHERE user_id = $1',
      [userId],
    );
    assert.equal(row?.part, `audit_log_${expected[0] ?? ''}`);
  });

  test('go on over the end of a year', async () => {
    await keepAt('2031-11-30T23:59:00Z');
    const made = (await listMonths()).filter((month) => month >= '2031');
    assert.deepEqual(made, ['2031_11', '2031_12', '2032_01']);
    await keepAt('2031-12-31T12:00:00Z');
    assert.deepEqual((await listMonths()).slice(-2), ['2032_01', '2032_02']);
  });

  test('begin and end in UTC, to the microsecond', async () => {
    await makeMonth('2033-03-15');
    const places = [
      ['2033-02-28T23:59:59.999999Z', 'audit_log_default'],
      ['2033-03-01T00:00:00Z', 'audit_log_2033_03'],
      ['2033-03-31T23:59:59.999999Z', 'audit_log_2033_03'],
      ['2033-04-01T00:00:00Z', 'audit_log_default'],
      ['2033-04-01T00:00:00+01:00', 'audit_log_2033_03'],
    ] as const;
    for (const [time, part] of places) {
      await insertEvent(time);
      assert.deepEqual(await partsOf(time), [part]);
    }
  });

  test('are made once, however many nodes make them at once', async () => {
    await keepAtOnce('2035-05-10T00:00:00Z');
    await keepAtOnce('2035-05-10T00:00:00Z');
    const made = (await listMonths()).filter((month) => month >= '2035');
    assert.deepEqual(made, ['2035_05', '2035_06', '2035_07']);
  });

  test('are indexed and guarded like the table itself', async () => {
    await makeMonth('2036-01-01');
    await insertEvent('2036-01-10T00:00:00Z');
    const [row] = await query<{ indexes: number; triggers: number }>(
      `SELECT (SELECT count(*)::int FROM pg_index WHERE indrelid = part) AS indexes,
              (SELECT count(*)::int FROM pg_trigger WHERE tgrelid = part) AS triggers
       FROM CAST('audit_log_2036_01' AS regclass) AS part`,
    );
    assert.deepEqual(row, { indexes: 5, triggers: 2 });
    for (const sql of ['DELETE FROM', 'TRUNCATE']) {
      await assert.rejects(query(`${sql} audit_log_2036_01`), /insert-only/);
    }
  });

  test('take events while further months are made', async () => {
    const accounts = await Promise.all([
      ...Array.from({ length: NODES }, () => register(app)),
      keepAt('2037-02-10T00:00:00Z'),
      keepAt('2038-02-10T00:00:00Z'),
    ]);
    const ids = accounts.flatMap((account) => account?.userId ?? []);
    const rows = await query('SELECT 1 FROM audit_log WHERE user_id = ANY ($1)', [ids]);
    assert.equal(rows.length, NODES);
  });
});

describe('a month that has no part', () => {
  test('has its events in the default part, and they are listed', async () => {
    const { access_token, user } = await signUp(app);
    const times = ['2001-02-03T04:05:06.789Z', '2099-02-03T04:05:06.789Z'];
    for (const time of times) {
      await insertEvent(time, user.id);
      assert.deepEqual(await partsOf(time), ['audit_log_default']);
    }
    const answer = await app.request
      .get('/api/auth/audit-log?event_type=logout')
      .set(bearer(access_token))
      .expect(200);
    const { events } = answer.body as { events: { created_at: string }[] };
    assert.deepEqual(
      events.map(({ created_at }) => created_at),
      times.toReversed(),
    );
  });

  test('comes to pass though events of it are there already', async () => {
    const time = '2041-03-10T00:00:00.000Z';
    await insertEvent(time);
    await keepAt('2041-03-15T00:00:00Z');
    assert.equal((await partsOf(time)).length, 1);
    assert.deepEqual((await listMonths()).slice(-2), ['2041_04', '2041_05']);
  });

  test('keeps no node from starting when it has come, events of it being there', async () => {
    await insertEvent('2043-03-10T00:00:00Z');
    const clock = new TestClock();
    clock.advance(Date.parse('2043-03-15T00:00:00Z') - clock.now());
    const late = await startApp({ clock });
    await late.request.get('/healthz').expect(200);
  });

  test('is made beside events of it that come at the same moment', async () => {
    for (let year = 2050; year < 2060; year++) {
      const time = `${year}-06-10T00:00:00Z`;
      const insertMany = () => Array.from({ length: 8 }, () => insertEvent(time));
      await Promise.all([...insertMany(), makeMonth(time), ...insertMany()]);
      const parts = await partsOf(time);
      assert.deepEqual([...new Set(parts)], [`audit_log_${year}_06`]);
      assert.equal(parts.length, 16);
    }
  });
});

describe('old months', () => {
  test('are kept where no end is set', async () => {
    await makeMonth('2010-01-01');
    await insertEvent('2010-01-10T00:00:00Z');
    await keepAt('2026-11-15T00:00:00Z');
    assert.equal((await partsOf('2010-01-10T00:00:00Z')).length, 1);
    assert.ok((await listMonths()).includes('2010_01'));
  });

  test('go whole, with what they hold, and no younger one', async () => {
    const days = ['2020-06-10', '2020-12-31', '2021-01-01', '2021-02-10', '2021-03-10'];
    for (const day of days) {
      await makeMonth(day);
      await insertEvent(`${day}T00:00:00Z`);
    }
    await keepAt('2021-04-30T23:59:59Z', keeping);
    const left = (await listMonths()).filter((month) => month < '2021_06');
    assert.deepEqual(left, ['2021_01', '2021_02', '2021_03', '2021_04', '2021_05']);
    for (const day of days) {
      assert.equal((await partsOf(`${day}T00:00:00Z`)).length, day < '2021' ? 0 : 1, day);
    }
  });

  test('go once, however many nodes drop them at once', async () => {
    for (const day of ['2015-01-01', '2015-02-01', '2015-03-01', '2015-04-01'])
      await makeMonth(day);
    await keepAt('2016-01-15T00:00:00Z');
    await keepAtOnce('2016-01-15T00:00:00Z', keeping);
    assert.deepEqual(
      (await listMonths()).filter((month) => month < '2016_04'),
      ['2016_01', '2016_02', '2016_03'],
    );
  });
});

/** A database that nothing has been done to yet, dropped after the file. */
async function createEmptyDatabase(): Promise<string> {
  const name = `audit_months_${randomBytes(6).toString('hex')}`;
  await query(`CREATE DATABASE ${name}`);
  atEnd(() => query(`DROP DATABASE ${name} WITH (FORCE)`));
  const url = new URL(required('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

describe('a log of before the months', () => {
  const OLD = ['2024-02-29T12:00:00.000Z', '2024-02-29T12:00:00.000Z', '2026-01-31T23:59:59.999Z'];

  const openOld = async (): Promise<{ url: string; client: Client }> => {
    const url = await createEmptyDatabase();
    const knex = createKnex({ client: 'pg', connection: url });
    await knex.migrate.up({ migrationSource });
    await knex.destroy();
    const client = new Client({ connectionString: url });
    await client.connect();
    atEnd(() => client.end());
    return { url, client };
  };

  test('keeps its rows and their ids when it is brought up to date', async () => {
    const { url, client } = await openOld();
    for (const [index, at] of OLD.entries()) {
      await client.query(
        `INSERT INTO audit_log (at, event_type, severity, user_id, session_id, ip, user_agent,
                                device_id, request_id, details)
         VALUES ($1, 'logout', 'info', $2, 'session', '2001:db8::1', 'Old/1', 'device', 'request', $3)`,
        [at, index + 7, { sessions_ended: index }],
      );
    }
    const columns = `id, at, event_type, severity, user_id, session_id, ip, user_agent, device_id,
                     request_id, details`;
    const read = async () =>
      (await client.query<object>(`SELECT ${columns} FROM audit_log ORDER BY id`)).rows;
    const before = await read();
    assert.equal(before.length, OLD.length);
    await migrate(url);
    assert.deepEqual(await read(), before);
    const parts = await client.query<{ part: string }>(
      'SELECT tableoid::regclass::text AS part FROM audit_log ORDER BY id',
    );
    assert.deepEqual(
      parts.rows.map(({ part }) => part),
      ['audit_log_2024_02', 'audit_log_2024_02', 'audit_log_2026_01'],
    );
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO audit_log (at, event_type, severity) VALUES (now(), 'logout', 'info') RETURNING id`,
    );
    assert.deepEqual(rows, [{ id: String(OLD.length + 1) }]);
    for (const sql of [
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
      'UPDATE audit_log SET id = 1',
    ]) {
      await assert.rejects(client.query(sql), /insert-only/);
    }
    assert.deepEqual(await migrate(url), []);
  });

  test('may be empty', async () => {
    const { url, client } = await openOld();
    await migrate(url);
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO audit_log (at, event_type, severity) VALUES (now(), 'logout', 'info') RETURNING id`,
    );
    assert.deepEqual(rows, [{ id: '1' }]);
  });
});
