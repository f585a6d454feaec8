import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Response, Test } from 'supertest';
import type { TestApp } from './app.ts';
import { query } from './database.ts';
import { eventually } from './eventually.ts';
import { bearer, type Tokens } from './phone.ts';
import { assertProblem, retryAfter } from './problem.ts';
import { mailAbout } from './smtp.ts';

/** Both paths of the one router. */
export const MOUNTS = ['/api/auth', '/auth/v2'] as const;

/** Passes the default policy. */
export const PASSWORD = 'Tall Giraffe 7 eats';
export const WRONG_PASSWORD = 'Tall Giraffe 8 eats';

/** What an address is locked after, and for how long. */
export const MAX_FAILURES = 5;
export const LOCKOUT_SECONDS = 30 * 60;

export const WRONG_CREDENTIALS = {
  status: 401,
  code: 'invalid_credentials',
  detail: 'Invalid email or password',
};
export const INVALID_TOKEN = {
  status: 401,
  code: 'invalid_token',
  detail: 'Invalid or expired token',
};
export const REVOKED = { status: 401, code: 'token_revoked', detail: 'Token has been revoked' };
export const BAD_REFRESH = {
  status: 401,
  code: 'invalid_refresh_token',
  detail: 'Invalid or expired refresh token',
};

export interface Account {
  email: string;
  username: string;
  password: string;
}

/** An account that no other test uses; nobody has it yet. */
export function newAccount(): Account {
  const name = `u${randomBytes(6).toString('hex')}`;
  return { email: `${name}@example.com`, username: name, password: PASSWORD };
}

/** Registers, as a person does. */
export async function register(
  app: TestApp,
  account = newAccount(),
): Promise<Account & { userId: number }> {
  const { body } = (await app.request.post('/api/auth/register').send(account).expect(201)) as {
    body: { user_id: number };
  };
  return { ...account, userId: body.user_id };
}

interface LogIn {
  mount?: string;
  deviceId?: string;
  device_name?: string;
}

type Credentials = Pick<Account, 'email' | 'password'> & Partial<Account>;

/** Asks for a session, whatever the answer will be. */
export function tryLogIn(
  app: TestApp,
  { email, password }: Credentials,
  { mount = '/api/auth', deviceId, device_name }: LogIn = {},
): Test {
  return app.request
    .post(`${mount}/login`)
    .set(deviceId === undefined ? {} : { 'x-device-id': deviceId })
    .send({ email, password, ...(device_name && { device_name }) });
}

/** Logs in with the right password. */
export async function logIn(
  app: TestApp,
  credentials: Credentials,
  options: LogIn = {},
): Promise<Tokens> {
  return (await tryLogIn(app, credentials, options).expect(200)).body as Tokens;
}

/** A new account, logged in. */
export async function signUp(app: TestApp, options: LogIn = {}): Promise<Account & Tokens> {
  const account = await register(app);
  return { ...account, ...(await logIn(app, account, options)) };
}

/** Guesses wrong so often, one guess after the other, and gives the statuses of the answers. */
export async function failLogins(
  app: TestApp,
  email: string,
  { times = MAX_FAILURES, mount = '/api/auth' } = {},
): Promise<number[]> {
  const statuses: number[] = [];
  while (statuses.length < times) {
    const answer = await tryLogIn(app, { email, password: WRONG_PASSWORD }, { mount });
    statuses.push(answer.status);
  }
  return statuses;
}

/** Checks that an answer tells how long the lockout lasts, in words and in the header, and gives the seconds. */
export function assertLocked(answer: Response): number {
  const seconds = retryAfter(answer);
  const detail = `Too many attempts. Try again in ${seconds} seconds`;
  assertProblem(answer, { status: 429, code: 'too_many_attempts', detail });
  assert.ok(seconds <= LOCKOUT_SECONDS);
  return seconds;
}

/** Who the token belongs to, whatever the answer will be. */
export function whoAmI(app: TestApp, token: string, mount = '/api/auth'): Test {
  return app.request.get(`${mount}/me`).set(bearer(token));
}

/** The access token of an answer. */
export function accessOf(answer: Response): string {
  return (answer.body as Tokens).access_token;
}

/** Uses a refresh token, whatever the answer will be. */
export function renew(app: TestApp, refresh_token: string, mount = '/api/auth'): Test {
  return app.request.post(`${mount}/refresh`).send({ refresh_token });
}

/** What the audit log has of a user, the oldest first. */
export async function eventsOf(userId: number): Promise<string[]> {
  const rows = await query<{ event_type: string }>(
    'SELECT event_type FROM audit_log WHERE user_id = $1 ORDER BY id',
    [userId],
  );
  return rows.map(({ event_type }) => event_type);
}

export interface SentMail {
  channel: string;
  to: string;
  subject: string;
  body: string;
}

/**
 * The mails to an address that the console sender sent, the oldest first, once all that were queued are sent:
 * they are sent one after the other.
 */
export async function mailsTo(app: TestApp, email: string): Promise<SentMail[]> {
  const last = newAccount().email;
  app.context.mails.send(last, mailAbout('last of all'));
  const list = async () => {
    const answer = await app.request.get('/dev/outbox').expect(200);
    return (answer.body as { messages: SentMail[] }).messages.toReversed();
  };
  await eventually('the mails are sent', async () => (await list()).some(({ to }) => to === last));
  return (await list()).filter(({ to }) => to === email);
}

/** The values of a header field that may differ between two answers that are otherwise the same. */
const CHANGING_HEADERS = ['date', 'x-request-id', 'ratelimit-remaining', 'ratelimit-reset'];

/** All that an answer tells whoever compares it with another. */
export function visibleParts({ status, body, headers }: Response): unknown {
  const { request_id, ...told } = body as { request_id: string };
  assert.equal(typeof request_id, 'string');
  const kept = Object.entries(headers as Record<string, string>).filter(
    ([name]) => !CHANGING_HEADERS.includes(name),
  );
  return { status, told, headers: Object.fromEntries(kept) };
}
