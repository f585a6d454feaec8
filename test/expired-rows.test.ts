import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeExpiredRows } from '../server/use-cases/remove-expired-rows.ts';
import {
  failLogins,
  LOCKOUT_SECONDS,
  logIn,
  register,
  renew,
  signUp,
  tryLogIn,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, signIn, type Tokens } from './support/phone.ts';
import { forget } from './support/recovery.ts';
import { TestClock } from './support/test-clock.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** More than are removed at a time. */
const MANY = 2500;

const TABLES = [
  'sessions',
  'revocations',
  'refresh_tokens',
  'failed_attempts',
  'one_time_tokens',
] as const;
type Counts = Partial<Record<(typeof TABLES)[number], number>>;

/** An app whose tables hold no row that another test made. */
async function startAfresh(): Promise<TestApp & { clock: TestClock }> {
  const clock = new TestClock();
  const app = await startApp({ clock });
  await query(`TRUNCATE ${TABLES.join(', ')}`);
  return { ...app, clock };
}

async function assertRows(expected: Counts): Promise<void> {
  const counts: Counts = {};
  for (const table of TABLES.filter((name) => name in expected)) {
    const [row] = await query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`);
    counts[table] = row?.count ?? 0;
  }
  assert.deepEqual(counts, expected);
}

test('removes what nobody can ask for any more, and nothing earlier', async () => {
  const { context, clock, ...app } = await startAfresh();
  const { access_token } = await signIn({ context, ...app });
  await signIn({ context, ...app });
  await app.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
  await removeExpiredRows(context);
  await assertRows({ sessions: 2, revocations: 1 });
  clock.advance(DAY_MS);
  await removeExpiredRows(context);
  await assertRows({ sessions: 2, revocations: 0 });
  clock.advance(7 * DAY_MS);
  await Promise.all([removeExpiredRows(context), removeExpiredRows(context)]);
  await assertRows({ sessions: 0, revocations: 0 });
});

test('removes refresh tokens that have expired, used or not, and keeps their session', async () => {
  const { clock, ...app } = await startAfresh();
  const first = await signUp(app);
  await signUp(app);
  clock.advance(3 * DAY_MS);
  const second = (await renew(app, first.refresh_token).expect(200)).body as Tokens;
  await removeExpiredRows(app.context);
  await assertRows({ sessions: 2, refresh_tokens: 3 });
  clock.advance(4 * DAY_MS + 1000);
  await removeExpiredRows(app.context);
  await assertRows({ sessions: 2, refresh_tokens: 1 });
  await renew(app, second.refresh_token).expect(200);
  await renew(app, first.refresh_token).expect(401);
  clock.advance(8 * DAY_MS);
  await removeExpiredRows(app.context);
  await assertRows({ sessions: 0, refresh_tokens: 0 });
});

test('knows a used refresh token again for as long as it has not expired', async () => {
  const { clock, ...app } = await startAfresh();
  const { refresh_token } = await signUp(app);
  const successor = (await renew(app, refresh_token).expect(200)).body as Tokens;
  await renew(app, successor.refresh_token).expect(200);
  clock.advance(7 * DAY_MS - 60_000);
  await removeExpiredRows(app.context);
  await renew(app, refresh_token).expect(401);
  const rows = await query('SELECT end_reason FROM sessions');
  assert.deepEqual(rows, [{ end_reason: 'token_reuse' }]);
});

test('forgets failed logins when they count no more, and no lockout before its end', async () => {
  const { clock, ...app } = await startAfresh();
  const [guessed, locked] = [await register(app), await register(app)];
  await failLogins(app, guessed.email, { times: 1 });
  await failLogins(app, locked.email);
  clock.advance((LOCKOUT_SECONDS - 60) * 1000);
  await removeExpiredRows(app.context);
  await assertRows({ failed_attempts: 2 });
  await tryLogIn(app, locked).expect(429);
  clock.advance(61_000);
  await removeExpiredRows(app.context);
  await assertRows({ failed_attempts: 0 });
  await logIn(app, locked);
});

test('removes mailed tokens when they have expired, each kind after its own time', async () => {
  const { clock, ...app } = await startAfresh();
  const { email } = await register(app);
  await forget(app, email).expect(202);
  clock.advance(HOUR_MS - 60_000);
  await removeExpiredRows(app.context);
  await assertRows({ one_time_tokens: 2 });
  clock.advance(60_000 + 1000);
  await removeExpiredRows(app.context);
  await assertRows({ one_time_tokens: 1 });
  clock.advance(DAY_MS - HOUR_MS);
  await removeExpiredRows(app.context);
  await assertRows({ one_time_tokens: 0 });
});

test('removes in batches as many as there are, also from several nodes at once', async () => {
  const app = await startAfresh();
  const other = await startApp({ clock: app.clock });
  await query(
    `INSERT INTO failed_attempts (counter, failures, expires_at)
     SELECT 'hash ' || n, 1, now() + n * interval '1 millisecond' FROM generate_series(1, $1) AS n`,
    [MANY],
  );
  const { access_token } = await signUp(app);
  await query(
    `INSERT INTO refresh_tokens (jti, session_id, issued_at, expires_at)
     SELECT 'jti ' || n, id, now(), now() + interval '1 minute'
     FROM sessions, generate_series(1, $1) AS n`,
    [MANY],
  );
  app.clock.advance(10 * 60_000);
  await Promise.all([removeExpiredRows(app.context), removeExpiredRows(other.context)]);
  await assertRows({ failed_attempts: 0, refresh_tokens: 1, sessions: 1 });
  await app.request.get('/api/auth/me').set(bearer(access_token)).expect(200);
});
