import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import type { Test } from 'supertest';
import {
  eventsOf,
  logIn,
  newAccount,
  PASSWORD,
  register,
  signUp,
  tryLogIn,
  WRONG_PASSWORD,
  type Account,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const NEW_PASSWORD = 'Small Zebra 9 sleeps';
const INTERNAL = { status: 500, code: 'internal_error' };

const lines: { audit?: string }[] = [];
const write = (text: string) => void lines.push(JSON.parse(text) as { audit?: string });
const app = await startApp({ log: pino({ level: 'trace' }, { write }) });

function sessionOf({ access_token }: Tokens): string {
  return String(decodePart(access_token, 'payload').jti).split('.')[0] ?? '';
}

function logOut({ access_token }: Tokens): Test {
  return app.request.post('/api/auth/logout').set(bearer(access_token));
}

describe('the table', () => {
  const tables = async (): Promise<string[]> => {
    const rows = await query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits
       WHERE inhparent = 'audit_log'::regclass`,
    );
    return ['audit_log', ...rows.map(({ name }) => name)];
  };

  test('takes no change to a row and gives none up, whole or in any of its parts', async () => {
    await register(app);
    await query(
      `INSERT INTO audit_log (at, event_type, severity) VALUES ('1999-12-31', 'x', 'info')`,
    );
    const names = await tables();
    assert.ok(names.length >= 4, 'this month, two ahead, and the rest');
    const before = await query('SELECT * FROM audit_log ORDER BY id');
    for (const name of names) {
      const [row] = await query<{ filled: boolean }>(`SELECT EXISTS (TABLE ${name}) AS filled`);
      const changes = row?.filled ? [`UPDATE ${name} SET user_id = 1`, `DELETE FROM ${name}`] : [];
      for (const sql of [...changes, `TRUNCATE ${name}`]) {
        await assert.rejects(query(sql), /insert-only/, sql);
      }
    }
    await assert.rejects(query('TRUNCATE audit_log CASCADE'), /insert-only/);
    await assert.rejects(query('TRUNCATE failed_attempts, audit_log'), /insert-only/);
    await assert.rejects(
      query("UPDATE audit_log SET at = now() + interval '1 month'"),
      /insert-only/,
    );
    assert.deepEqual(await query('SELECT * FROM audit_log ORDER BY id'), before);
  });

  test('holds rows in this month and in the default part, both of which are guarded', async () => {
    const rows = await query<{ name: string }>(
      'SELECT DISTINCT tableoid::regclass::text AS name FROM audit_log ORDER BY name',
    );
    const month = new Date().toISOString().slice(0, 7).replace('-', '_');
    assert.deepEqual(
      rows.map(({ name }) => name),
      [`audit_log_${month}`, 'audit_log_default'],
    );
  });
});

/** Runs `act` while no event of this type can be written. */
async function withoutRecord<Result>(type: string, act: () => Promise<Result>): Promise<Result> {
  await query(`
    CREATE FUNCTION refuse_event() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.event_type = TG_ARGV[0] THEN RAISE EXCEPTION 'not on record'; END IF;
        RETURN NEW;
      END
    $$;
    CREATE TRIGGER broken BEFORE INSERT ON audit_log
      FOR EACH ROW EXECUTE FUNCTION refuse_event('${type}')`);
  try {
    return await act();
  } finally {
    await query('DROP TRIGGER broken ON audit_log; DROP FUNCTION refuse_event');
  }
}

describe('what cannot be put on record does not happen, and no line tells of it:', () => {
  /** The failing act, and that the log of the service says nothing of it. */
  const assertFails = async (type: string, act: () => Promise<unknown>): Promise<void> => {
    const before = lines.length;
    await withoutRecord(type, async () => {
      assertProblem((await act()) as never, INTERNAL);
    });
    const told = lines.slice(before).filter(({ audit }) => audit !== undefined);
    assert.deepEqual(told, []);
  };
  const countLive = async ({ email }: Account): Promise<number> => {
    const rows = await query(
      `SELECT 1 FROM sessions JOIN users ON users.id = user_id
       WHERE lower(email) = lower($1) AND ended_at IS NULL`,
      [email],
    );
    return rows.length;
  };

  test('a registration', async () => {
    const account = newAccount();
    const ask = () => app.request.post('/api/auth/register').send(account);
    await assertFails('user_registered', ask);
    assert.deepEqual(await query('SELECT 1 FROM users WHERE email = $1', [account.email]), []);
    await ask().expect(201);
  });

  for (const type of ['login_succeeded', 'new_device_login']) {
    test(`a login, for want of ${type}`, async () => {
      const account = await register(app);
      await logIn(app, account, { deviceId: 'the-first' });
      const events = await eventsOf(account.userId);
      const [before] = await query('SELECT * FROM users WHERE id = $1', [account.userId]);
      await assertFails(type, () => tryLogIn(app, account, { deviceId: 'another' }));
      assert.equal(await countLive(account), 1);
      const [after] = await query('SELECT * FROM users WHERE id = $1', [account.userId]);
      assert.deepEqual(after, before);
      assert.deepEqual(await eventsOf(account.userId), events);
    });
  }

  test('the count of a wrong password', async () => {
    const { email } = await register(app);
    const guess = () => tryLogIn(app, { email, password: WRONG_PASSWORD });
    const [before] = await query('SELECT count(*) FROM failed_attempts');
    await assertFails('login_failed', guess);
    const [after] = await query('SELECT count(*) FROM failed_attempts');
    assert.deepEqual(after, before);
  });

  for (const type of ['password_changed', 'other_sessions_revoked']) {
    test(`a change of password, for want of ${type}`, async () => {
      const account = await signUp(app);
      const other = await logIn(app, account);
      await assertFails(type, () =>
        app.request
          .post('/api/auth/change-password')
          .set(bearer(account.access_token))
          .send({ current_password: PASSWORD, new_password: NEW_PASSWORD }),
      );
      await app.request.get('/api/auth/me').set(bearer(other.access_token)).expect(200);
      await logIn(app, account);
      await tryLogIn(app, { ...account, password: NEW_PASSWORD }).expect(401);
      assert.ok(!(await eventsOf(account.user.id)).includes('other_sessions_revoked'));
    });
  }

  test('a logout, which works when it is asked for again', async () => {
    const account = await signUp(app);
    await assertFails('logout', () => logOut(account));
    assert.equal(await countLive(account), 1);
    const revoked = 'SELECT 1 FROM revocations WHERE session_id = $1';
    assert.deepEqual(await query(revoked, [sessionOf(account)]), []);
    await logOut(account).expect(200);
    assert.equal(await countLive(account), 0);
  });

  test('the end of another session, which lives on', async () => {
    const account = await signUp(app);
    const other = await logIn(app, account);
    await assertFails('session_revoked', () =>
      app.request
        .delete(`/api/auth/sessions/${sessionOf(other)}`)
        .set(bearer(account.access_token)),
    );
    await app.request.get('/api/auth/me').set(bearer(other.access_token)).expect(200);
  });
});
