import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Client } from 'pg';
import type { Response, Test } from 'supertest';
import { startApp } from './support/app.ts';
import { databaseUrl, query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { eventually } from './support/eventually.ts';
import { bearer, newPhoneNumber, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const REVOKED = { status: 401, code: 'token_revoked' };
const END = "UPDATE sessions SET ended_at = now(), end_reason = 'logout' WHERE id = $1";

const app = await startApp();

function sessionOf({ access_token }: Tokens): string {
  return String(decodePart(access_token, 'payload').jti).split('.')[0] ?? '';
}

function logOut({ access_token }: Tokens, path = 'logout'): Test {
  return app.request.post(`/api/v2/auth/${path}`).set(bearer(access_token));
}

/** Sends a request while a transaction holds the user's row, and commits that, with `sql`, when the request waits. */
async function overtake(
  { user }: Tokens,
  request: Test,
  [sql, ...bindings]: [string, ...unknown[]],
): Promise<Response> {
  const holder = new Client({ connectionString: await databaseUrl() });
  await holder.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT FROM users WHERE id = $1 FOR SHARE', [user.id]);
  const answer = request.then((response) => response);
  await eventually('the request waits', async () => {
    const waiting = await query(
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length === 1;
  });
  await holder.query(sql, bindings);
  await holder.query('COMMIT');
  await holder.end();
  return answer;
}

async function countRevocations({ user }: Tokens): Promise<number> {
  return (await query('SELECT FROM revocations WHERE user_id = $1', [user.id])).length;
}

async function countLive({ user }: Tokens): Promise<number> {
  const sql = 'SELECT FROM sessions WHERE user_id = $1 AND ended_at IS NULL';
  return (await query(sql, [user.id])).length;
}

test('a logout ends its session though a refresh touches it first', async () => {
  const tokens = await signIn(app);
  const touch = 'UPDATE sessions SET last_seen_at = now() WHERE id = $1';
  const answer = await overtake(tokens, logOut(tokens), [touch, sessionOf(tokens)]);
  assert.equal(answer.status, 200);
  assert.equal(await countLive(tokens), 0);
  assert.equal(await countRevocations(tokens), 1);
});

test('a logout whose session ends while it waits changes nothing', async () => {
  const tokens = await signIn(app);
  assertProblem(await overtake(tokens, logOut(tokens), [END, sessionOf(tokens)]), REVOKED);
  assert.equal(await countRevocations(tokens), 0);
  const sql = "SELECT FROM audit_log WHERE user_id = $1 AND event_type = 'logout'";
  assert.deepEqual(await query(sql, [tokens.user.id]), []);
});

test('a session that ends while it waits to end another one leaves that alive', async () => {
  const phoneNumber = newPhoneNumber();
  const tokens = await signIn(app, { phoneNumber });
  const other = await signIn(app, { phoneNumber });
  const request = app.request
    .delete(`/api/v2/auth/sessions/${sessionOf(other)}`)
    .set(bearer(tokens.access_token));
  assertProblem(await overtake(tokens, request, [END, sessionOf(tokens)]), REVOKED);
  assert.equal(await countLive(other), 1);
});

test('a logout of all devices ends a session that is made while it waits', async () => {
  const tokens = await signIn(app);
  const make = `INSERT INTO sessions (id, user_id, kind, role, created_at, last_seen_at, expires_at)
    SELECT $2, user_id, kind, role, now(), now(), expires_at FROM sessions WHERE id = $1`;
  const id = randomBytes(16).toString('base64url');
  const request = logOut(tokens, 'logout-all-devices');
  const answer = await overtake(tokens, request, [make, sessionOf(tokens), id]);
  assert.equal(answer.status, 200);
  assert.equal(await countLive(tokens), 0);
  assert.equal(await countRevocations(tokens), 2);
});
