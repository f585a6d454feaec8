import assert from 'node:assert/strict';
import type { Response, Test } from 'supertest';
import { register, type Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import { query } from './database.ts';

export const COOKIES = '/api/v1/auth';

export const TWO_FACTOR_REQUIRED = {
  status: 401,
  code: 'two_factor_required',
  detail: 'A second factor is required',
};

/** The header of a request with a session's cookie. */
export function cookie(secret: string): { cookie: string } {
  return { cookie: `session_id=${secret}` };
}

interface LogIn {
  totp_code?: string;
  backup_code?: string;
  device_name?: string;
}

/** Asks for a cookie, whatever the answer will be. */
export function tryCookieLogIn(
  app: TestApp,
  { email, password }: Pick<Account, 'email' | 'password'>,
  more: LogIn = {},
): Test {
  return app.request.post(`${COOKIES}/login`).send({ email, password, ...more });
}

/** The attributes of the cookie that an answer sets, and its value. */
export function cookieIn(answer: Response): { secret: string; attributes: string[] } {
  const header = answer.get('set-cookie') ?? [];
  assert.equal(header.length, 1, 'one cookie is set');
  const [pair = '', ...attributes] = (header[0] ?? '').split('; ');
  assert.match(pair, /^session_id=/);
  return { secret: pair.slice('session_id='.length), attributes };
}

/** Logs in with the right credentials, and gives the secret of the cookie. */
export async function cookieLogIn(
  app: TestApp,
  account: Pick<Account, 'email' | 'password'>,
  more: LogIn = {},
): Promise<string> {
  return cookieIn(await tryCookieLogIn(app, account, more).expect(200)).secret;
}

/** A new account with a cookie. */
export async function cookieSignUp(app: TestApp) {
  const account = await register(app);
  return { ...account, secret: await cookieLogIn(app, account) };
}

/** Who the cookie belongs to, whatever the answer will be. */
export function cookieMe(app: TestApp, secret: string): Test {
  return app.request.get(`${COOKIES}/me`).set(cookie(secret));
}

export function cookieLogOut(app: TestApp, secret: string): Test {
  return app.request.post(`${COOKIES}/logout`).set(cookie(secret));
}

export interface CookieRow {
  id: string;
  end_reason: string | null;
  created_at: Date;
  last_seen_at: Date;
  expires_at: Date;
}

/** The cookie sessions of a user, the oldest first. */
export function cookieSessionsOf(userId: number): Promise<CookieRow[]> {
  return query<CookieRow>(
    `SELECT id, end_reason, created_at, last_seen_at, expires_at FROM sessions
     WHERE user_id = $1 AND kind = 'cookie' ORDER BY created_at, id`,
    [userId],
  );
}
