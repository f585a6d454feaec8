import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from 'pg';
import type { Response } from 'supertest';
import { startApp, type TestApp } from './support/app.ts';
import { databaseUrl, query } from './support/database.ts';
import { failTimes, resendCode, STORES, submitCode, tally } from './support/otp.ts';
import { newPhoneNumber, sendCode, wrongCode, type Tokens } from './support/phone.ts';

const apps = { redis: await startApp(), memory: await startApp({ store: 'memory' }) };

async function submitAll(app: TestApp, phoneNumber: string, codes: string[]): Promise<Response[]> {
  return Promise.all(codes.map((otp) => submitCode(app, { phone_number: phoneNumber, otp })));
}

function detailsOf(answers: Response[], status: number): string[] {
  return answers
    .filter((answer) => answer.status === status)
    .map((answer) => (answer.body as { detail: string }).detail);
}

async function sessionsOf(phoneNumber: string): Promise<number> {
  const rows = await query(
    'SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.phone_number = $1',
    [phoneNumber],
  );
  return rows.length;
}

function isLocked(app: TestApp, phoneNumber: string): Promise<boolean> {
  return app.context.ephemeral.get(`otp:lockout:${phoneNumber}`).then((value) => value !== null);
}

for (const store of STORES) {
  const app = apps[store];

  describe(`codes submitted at once, ${store} store`, () => {
    test('judges three of a hundred wrong guesses, then locks', async () => {
      const phoneNumber = newPhoneNumber();
      const right = await sendCode(app, phoneNumber);
      const wrong = Array.from({ length: 101 }, (_, n) => String(n).padStart(6, '0'))
        .filter((code) => code !== right)
        .slice(0, 100);
      const answers = await submitAll(app, phoneNumber, wrong);
      assert.deepEqual(tally(answers), { 401: 2, 429: 98 });
      assert.deepEqual(detailsOf(answers, 401).sort(), [
        'Invalid OTP. 1 attempts remaining',
        'Invalid OTP. 2 attempts remaining',
      ]);
      assert.ok(detailsOf(answers, 429).every((text) => text.startsWith('Too many attempts. ')));
      assert.ok(await isLocked(app, phoneNumber));
      await submitCode(app, { phone_number: phoneNumber, otp: right }).expect(429);
    });

    test('signs in once for four right submits, and locks nobody out', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const counts = tally(await submitAll(app, phoneNumber, [otp, otp, otp, otp]));
      assert.equal(counts[200], 1);
      assert.equal(counts[500], undefined);
      assert.equal(counts[401], undefined);
      assert.equal(await isLocked(app, phoneNumber), false);
      assert.equal(await sessionsOf(phoneNumber), 1);
      const next = await sendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
      await submitCode(app, { phone_number: phoneNumber, otp: next }).expect(200);
    });

    test('signs in once for fifty right submits, and locks nobody out', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const answers = await submitAll(app, phoneNumber, Array<string>(50).fill(otp));
      const counts = tally(answers);
      assert.equal(counts[200], 1);
      assert.deepEqual(
        Object.keys(counts).filter((status) => Number(status) >= 500),
        [],
      );
      assert.equal(await isLocked(app, phoneNumber), false);
      assert.equal(await sessionsOf(phoneNumber), 1);
    });

    test('signs in once for two right and one wrong submit', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const answers = await submitAll(app, phoneNumber, [otp, wrongCode(otp), otp]);
      const counts = tally(answers);
      assert.equal(counts[200], 1);
      assert.equal(counts[500], undefined);
      assert.equal(await isLocked(app, phoneNumber), false);
      assert.equal(await sessionsOf(phoneNumber), 1);
    });

    test('never signs in twice or fails for ten right and ten wrong submits', async () => {
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(app, phoneNumber);
      const codes = Array.from({ length: 20 }, (_, n) => (n % 2 ? otp : wrongCode(otp)));
      const counts = tally(await submitAll(app, phoneNumber, codes));
      assert.ok((counts[200] ?? 0) <= 1);
      assert.equal(counts[500], undefined);
      assert.equal(await sessionsOf(phoneNumber), counts[200] ?? 0);
    });

    test('gives the code back once for three refused submits, and it works once', async () => {
      const strict = await startApp({ store, env: { SELF_SIGNUP_ROLES: 'rider' } });
      const phoneNumber = newPhoneNumber();
      const otp = await sendCode(strict, phoneNumber);
      const submission = { phone_number: phoneNumber, otp, role: 'driver' };
      const answers = await Promise.all([1, 2, 3].map(() => submitCode(strict, submission)));
      assert.ok((tally(answers)[403] ?? 0) >= 1);
      const counts = tally(await submitAll(strict, phoneNumber, [otp, otp, otp]));
      assert.equal(counts[200], 1);
      assert.equal(await sessionsOf(phoneNumber), 1);
    });

    test('counts guesses where no code was sent for nothing', async () => {
      const phoneNumber = newPhoneNumber();
      const guesses = Array<string>(30).fill('123456');
      const counts = tally(await submitAll(app, phoneNumber, guesses));
      assert.equal(counts[401], undefined);
      assert.equal(counts[500], undefined);
      assert.equal(await isLocked(app, phoneNumber), false);
      const otp = await sendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
      await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
    });
  });
}

test('signs in to the user that another sign-in made at the same moment', async () => {
  const app = apps.redis;
  const phoneNumber = newPhoneNumber();
  const otp = await sendCode(app, phoneNumber);
  const other = new Client({ connectionString: await databaseUrl() });
  await other.connect();
  await other.query('BEGIN');
  const { rows } = await other.query<{ id: number }>(
    `INSERT INTO users (phone_number, roles, created_at) VALUES ($1, '{driver}', now())
     RETURNING id`,
    [phoneNumber],
  );
  const answer = submitCode(app, { phone_number: phoneNumber, otp, role: 'rider' }).then(
    (it) => it,
  );
  await untilSomebodyWaits();
  await other.query('COMMIT');
  await other.end();
  const response = await answer;
  assert.equal(response.status, 200);
  const { user } = response.body as Tokens;
  assert.equal(user.id, rows[0]?.id);
  assert.deepEqual(user.roles, ['driver', 'rider']);
});

async function untilSomebodyWaits(): Promise<void> {
  const deadline = Date.now() + 5000;
  const waiting = `SELECT 1 FROM pg_stat_activity
                   WHERE wait_event_type = 'Lock' AND datname = current_database()`;
  while ((await query(waiting)).length === 0) assert.ok(Date.now() < deadline, 'nobody waits');
}

test('makes one user of two sign-ins with a new number on two nodes', async () => {
  const nodes = [apps.redis, await startApp()];
  const phoneNumber = newPhoneNumber();
  const otp = await sendCode(apps.redis, phoneNumber);
  const answers = await Promise.all(
    nodes.map((node) => submitCode(node, { phone_number: phoneNumber, otp })),
  );
  assert.equal(tally(answers)[200], 1);
  assert.equal(tally(answers)[400], 1);
  const users = await query('SELECT 1 FROM users WHERE phone_number = $1', [phoneNumber]);
  assert.equal(users.length, 1);
});

test('judges three of forty guesses on two nodes', async () => {
  const nodes = [apps.redis, await startApp()];
  const phoneNumber = newPhoneNumber();
  const otp = wrongCode(await sendCode(apps.redis, phoneNumber));
  const submission = { phone_number: phoneNumber, otp };
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => nodes.map((node) => submitCode(node, submission))).flat(),
  );
  assert.deepEqual(tally(answers), { 401: 2, 429: 38 });
});

test('takes the newest of two codes while the one before is being submitted', async () => {
  const app = apps.redis;
  const phoneNumber = newPhoneNumber();
  const old = await sendCode(app, phoneNumber);
  const [submitted, otp] = await Promise.all([
    submitCode(app, { phone_number: phoneNumber, otp: old }),
    resendCode(app, phoneNumber),
  ]);
  assert.ok([200, 401].includes(submitted.status));
  if (otp !== old) await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
});
