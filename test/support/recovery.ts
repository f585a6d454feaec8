import assert from 'node:assert/strict';
import type { Test } from 'supertest';
import { mailsTo, newAccount, type Account, type SentMail } from './accounts.ts';
import type { TestApp } from './app.ts';
import { query } from './database.ts';
import { signIn, type Tokens } from './phone.ts';

export const NEW_PASSWORD = 'Small Giraffe 9 eats';

/** The subjects of the mails with a link, and of that about what a link has done. */
export const RESET_SUBJECT = 'Choose a new password';
export const VERIFY_SUBJECT = 'Confirm your e-mail address';
export const WAS_RESET_SUBJECT = 'Your password was reset';

export const INVALID_LINK = {
  status: 400,
  code: 'invalid_one_time_token',
  detail: 'Invalid or expired link',
};

/** What anybody is told who asks for a new password. */
export const ON_ITS_WAY = {
  message: 'If there is an account with this address, a link is on its way to it',
};

/** Asks for a new password, whatever the answer will be. */
export function forget(app: TestApp, email: string, mount = '/api/auth'): Test {
  return app.request.post(`${mount}/forgot-password`).send({ email });
}

/** Sets a new password, whatever the answer will be. */
export function reset(
  app: TestApp,
  token: string,
  { new_password = NEW_PASSWORD, mount = '/api/auth' } = {},
): Test {
  return app.request.post(`${mount}/reset-password`).send({ token, new_password });
}

/** Verifies the address, whatever the answer will be. */
export function verify(app: TestApp, token: string, mount = '/api/auth'): Test {
  return app.request.post(`${mount}/verify-email`).send({ token });
}

/** The tokens that were mailed to an address, the oldest first. */
async function tokensIn(app: TestApp, email: string, subject: string): Promise<string[]> {
  const mails = (await mailsTo(app, email)) as (SentMail & { code?: string })[];
  return mails.filter((mail) => mail.subject === subject).map(({ code }) => code ?? '');
}

export function resetTokensTo(app: TestApp, email: string): Promise<string[]> {
  return tokensIn(app, email, RESET_SUBJECT);
}

export function verifyTokensTo(app: TestApp, email: string): Promise<string[]> {
  return tokensIn(app, email, VERIFY_SUBJECT);
}

/** The token of a link that was just asked for and mailed. */
export async function newResetToken(app: TestApp, email: string): Promise<string> {
  await forget(app, email).expect(202);
  return (await resetTokensTo(app, email)).at(-1) ?? assert.fail('no link was mailed');
}

/** The token of the link that was last mailed to verify an address. */
export async function lastVerifyToken(app: TestApp, email: string): Promise<string> {
  return (await verifyTokensTo(app, email)).at(-1) ?? assert.fail('no link was mailed');
}

/** Somebody who signs in by phone and has an e-mail address, but no password and no username. */
export async function newPhoneUser(app: TestApp): Promise<Tokens & Pick<Account, 'email'>> {
  const tokens = await signIn(app);
  const { email } = newAccount();
  await query('UPDATE users SET email = $1 WHERE id = $2', [email, tokens.user.id]);
  return { ...tokens, email };
}

/** Whether the address of a user is verified. */
export async function isVerified(userId: number): Promise<boolean> {
  const rows = await query('SELECT 1 FROM users WHERE id = $1 AND email_verified_at IS NOT NULL', [
    userId,
  ]);
  return rows.length > 0;
}

export async function countTokens(userId: number, purpose: string): Promise<number> {
  const rows = await query('SELECT 1 FROM one_time_tokens WHERE user_id = $1 AND purpose = $2', [
    userId,
    purpose,
  ]);
  return rows.length;
}
