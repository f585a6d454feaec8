import assert from 'node:assert/strict';
import type { Response, Test } from 'supertest';
import type { AccountClaims } from '../../server/crypto/account-tokens.ts';
import type { TestApp } from './app.ts';
import { query } from './database.ts';
import { decodePart } from './jwt.ts';
import { bearer } from './phone.ts';
import { assertProblem } from './problem.ts';
import { TestClock } from './test-clock.ts';

export const SECOND_MS = 1000;
export const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** REFRESH_REUSE_LEEWAY_SECONDS, where a test does not set it. */
export const LEEWAY_MS = 60 * SECOND_MS;

const REFUSED = {
  status: 401,
  code: 'invalid_refresh_token',
  detail: 'Invalid or expired refresh token',
};
export const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };

/** A clock that stands still on a whole second until it is set forward: for what is true to the millisecond. */
export class FrozenClock extends TestClock {
  #now = Math.floor(Date.now() / SECOND_MS) * SECOND_MS;

  override now(): number {
    return this.#now;
  }

  override advance(ms: number): void {
    this.#now += ms;
    super.advance(0);
  }
}

/** What a device shows of itself. */
export interface Sender {
  mount?: string;
  deviceId?: string;
  userAgent?: string;
}

/** What a refresh gives. */
export interface Pair {
  access_token: string;
  refresh_token: string;
  token_type: string;
  expires_in: number;
}

/** Presents a refresh token, whatever the answer will be. */
export function present(app: TestApp, refresh_token: string, sender: Sender = {}): Test {
  const { mount = '/api/auth', deviceId, userAgent = 'Owner/1.0' } = sender;
  return app.request
    .post(`${mount}/refresh`)
    .set('user-agent', userAgent)
    .set(deviceId === undefined ? {} : { 'x-device-id': deviceId })
    .send({ refresh_token });
}

/** Presents a refresh token that must work. */
export async function renew(app: TestApp, token: string, sender: Sender = {}): Promise<Pair> {
  return (await present(app, token, sender).expect(200)).body as Pair;
}

/** Presents a refresh token that must be refused. */
export async function assertRefused(
  app: TestApp,
  token: string,
  sender: Sender = {},
): Promise<void> {
  assertProblem(await present(app, token, sender), REFUSED);
}

/** Uses a token, and then each successor; gives all of them, the unused one last. */
export async function renewTimes(
  app: TestApp,
  token: string,
  { times, ...sender }: Sender & { times: number },
): Promise<string[]> {
  const chain = [token];
  while (chain.length <= times) {
    chain.push((await renew(app, chain.at(-1) ?? '', sender)).refresh_token);
  }
  return chain;
}

export function me(app: TestApp, accessToken: string, mount = '/api/auth'): Test {
  return app.request.get(`${mount}/me`).set(bearer(accessToken));
}

export async function assertRevoked(app: TestApp, accessToken: string): Promise<void> {
  assertProblem(await me(app, accessToken), REVOKED);
}

export function refreshClaims(token: string): Record<string, unknown> & {
  sid: string;
  jti: string;
  iat: number;
  exp: number;
} {
  return decodePart(token, 'payload') as ReturnType<typeof refreshClaims>;
}

export function accessClaims(token: string): AccountClaims {
  return decodePart(token, 'payload') as unknown as AccountClaims;
}

interface Family {
  endReason: string | null;
  tokens: { used: boolean }[];
}

/** What the database holds of a token's family. */
export async function familyOf(token: string): Promise<Family> {
  const { sid } = refreshClaims(token);
  const [session] = await query<{ endReason: string | null }>(
    'SELECT end_reason AS "endReason" FROM sessions WHERE id = $1',
    [sid],
  );
  assert.ok(session, 'there is no such session');
  const tokens = await query<{ used: boolean }>(
    'SELECT used_at IS NOT NULL AS used FROM refresh_tokens WHERE session_id = $1',
    [sid],
  );
  return { ...session, tokens };
}

/** The severities of the thefts that were recorded of a token's family. */
export async function theftsOf(token: string): Promise<string[]> {
  const rows = await query<{ severity: string }>(
    `SELECT severity FROM audit_log
     WHERE session_id = $1 AND event_type = 'token_reuse_detected'`,
    [refreshClaims(token).sid],
  );
  return rows.map(({ severity }) => severity);
}

/** Asserts that a family lives, with one token that is still to be used and no theft on record. */
export async function assertFamilyLives(token: string): Promise<void> {
  const { endReason, tokens } = await familyOf(token);
  assert.equal(endReason, null);
  assert.equal(tokens.filter(({ used }) => !used).length, 1);
  assert.deepEqual(await theftsOf(token), []);
}

/** Asserts that a family was ended as stolen, and that this is on record once. */
export async function assertFamilyStolen(token: string): Promise<void> {
  assert.equal((await familyOf(token)).endReason, 'token_reuse');
  assert.deepEqual(await theftsOf(token), ['critical']);
}

export function refreshTokensIn(answers: Response[]): string[] {
  return answers
    .filter(({ status }) => status === 200)
    .map(({ body }) => (body as Pair).refresh_token);
}
