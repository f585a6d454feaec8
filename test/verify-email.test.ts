import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import {
  eventsOf,
  INVALID_TOKEN,
  logIn,
  MOUNTS,
  newAccount,
  PASSWORD,
  register,
  REVOKED,
  signUp,
  whoAmI,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem, retryAfter } from './support/problem.ts';
import {
  countTokens,
  forget,
  INVALID_LINK,
  isVerified,
  lastVerifyToken,
  newResetToken,
  resetTokensTo,
  verify,
  VERIFY_SUBJECT,
  verifyTokensTo,
} from './support/recovery.ts';
import { FROM, startSmtp } from './support/smtp.ts';
import { TestClock } from './support/test-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const VERIFIED = { status: 409, code: 'email_already_verified' };

const clock = new TestClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock }),
  memory: await startApp({ clock, store: 'memory' }),
};

function resend(app: TestApp, token: string, mount = '/api/auth'): Test {
  return app.request.post(`${mount}/resend-verification`).set(bearer(token));
}

for (const { app, store, mount } of MOUNTS.flatMap((mount) =>
  storesFor(mount).map((store) => ({ app: apps[store], store, mount })),
)) {
  describe(`verifying an address at ${mount} on the ${store} store`, () => {
    test('takes the token that a registration mails, once', async () => {
      const account = newAccount();
      const answer = await app.request.post(`${mount}/register`).send(account).expect(201);
      const { user_id: userId } = answer.body as { user_id: number };
      const [token = '', ...more] = await verifyTokensTo(app, account.email);
      assert.match(token, /^[\w-]{43}$/);
      assert.deepEqual([more, await isVerified(userId)], [[], false]);
      const verified = await verify(app, token, mount).expect(200);
      assert.deepEqual(verified.body, { message: 'E-mail address verified' });
      assert.equal(await isVerified(userId), true);
      assertProblem(await verify(app, token, mount), INVALID_LINK);
      assert.deepEqual(await eventsOf(userId), ['user_registered', 'email_verified']);
    });

    test('opens no session and ends none', async () => {
      const account = await signUp(app);
      const token = await lastVerifyToken(app, account.email);
      const answer = await verify(app, token, mount).expect(200);
      assert.deepEqual(Object.keys(answer.body as object), ['message']);
      await whoAmI(app, account.access_token, mount).expect(200);
      const rows = await query('SELECT 1 FROM sessions WHERE user_id = $1', [account.user.id]);
      assert.equal(rows.length, 1);
    });

    test('takes a token for a day', async () => {
      const [early, late] = [await register(app), await register(app)];
      const tokens = [
        await lastVerifyToken(app, early.email),
        await lastVerifyToken(app, late.email),
      ] as const;
      clock.advance(DAY_MS - 60_000);
      await verify(app, tokens[0], mount).expect(200);
      clock.advance(60_000 + 1000);
      assertProblem(await verify(app, tokens[1], mount), INVALID_LINK);
      assert.equal(await isVerified(late.userId), false);
    });

    test('refuses a token that is none or is for something else', async () => {
      const { email, userId } = await register(app);
      for (const wrong of ['x', 'A'.repeat(43), await newResetToken(app, email)]) {
        assertProblem(await verify(app, wrong, mount), INVALID_LINK);
      }
      assert.equal(await isVerified(userId), false);
      for (const body of [{}, { token: '' }, { token: 1 }, { token: 'x', email }]) {
        const answer = await app.request.post(`${mount}/verify-email`).send(body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
    });

    test('mails another link to whoever asks for it, and voids all with the first used', async () => {
      const account = await signUp(app);
      const answer = await resend(app, account.access_token, mount).expect(202);
      assert.deepEqual(answer.body, { message: 'A link is on its way to your e-mail address' });
      const tokens = await verifyTokensTo(app, account.email);
      assert.equal(tokens.length, 2);
      await verify(app, tokens[0] ?? '', mount).expect(200);
      assertProblem(await verify(app, tokens[1] ?? '', mount), INVALID_LINK);
      assert.equal(await countTokens(account.user.id, 'verify_email'), 0);
    });

    test('mails nothing where the address is verified already', async () => {
      const account = await signUp(app);
      await verify(app, await lastVerifyToken(app, account.email)).expect(200);
      assertProblem(await resend(app, account.access_token, mount), VERIFIED);
      assert.equal((await verifyTokensTo(app, account.email)).length, 1);
    });

    test('mails three links an hour, the first at the registration, and says when to come back', async () => {
      const account = await signUp(app);
      for (let times = 0; times < 2; times++) {
        await resend(app, account.access_token, mount).expect(202);
      }
      const refused = await resend(app, account.access_token, mount);
      assertProblem(refused, { status: 429, code: 'rate_limited' });
      assert.ok(retryAfter(refused) > 3500 && retryAfter(refused) <= 3600);
      assert.equal((await verifyTokensTo(app, account.email)).length, 3);
      await forget(app, account.email).expect(202);
      assert.equal((await resetTokensTo(app, account.email)).length, 1);
    });

    test('mails another link only for an account token that is alive', async () => {
      const { access_token, refresh_token } = await signUp(app);
      const phone = await signIn(app);
      for (const token of ['rubbish', refresh_token, phone.access_token]) {
        assertProblem(await resend(app, token, mount), INVALID_TOKEN);
      }
      await app.request.post(`${mount}/logout`).set(bearer(access_token)).expect(200);
      assertProblem(await resend(app, access_token, mount), REVOKED);
    });
  });
}

const app = apps.redis;

test('a token is void when the address is another one by then', async () => {
  const { email, userId } = await register(app);
  const token = await lastVerifyToken(app, email);
  await query('UPDATE users SET email = $2 WHERE id = $1', [userId, `new-${email}`]);
  assertProblem(await verify(app, token), INVALID_LINK);
  assert.equal(await isVerified(userId), false);
});

test('a token is void with its user, and while the account is disabled', async () => {
  const account = await register(app);
  const token = await lastVerifyToken(app, account.email);
  const setActive = (isActive: boolean) =>
    query('UPDATE users SET is_active = $2 WHERE id = $1', [account.userId, isActive]);
  await setActive(false);
  assertProblem(await verify(app, token), INVALID_LINK);
  await setActive(true);
  const { access_token } = await logIn(app, account);
  const erase = app.request.delete('/api/auth/me').set(bearer(access_token));
  await erase.send({ password: PASSWORD }).expect(204);
  assertProblem(await verify(app, token), INVALID_LINK);
});

test('making an account again and again fills no mailbox', async () => {
  const account = newAccount();
  for (let times = 0; times < 5; times++) {
    await register(app, account);
    const { access_token } = await logIn(app, account);
    const erase = app.request.delete('/api/auth/me').set(bearer(access_token));
    await erase.send({ password: PASSWORD }).expect(204);
  }
  assert.equal((await verifyTokensTo(app, account.email)).length, 3);
});

test('a registration that is refused mails nothing, and takes no mail from the owner', async () => {
  const account = await signUp(app);
  for (let times = 0; times < 5; times++) {
    const again = { ...newAccount(), email: account.email };
    await app.request.post('/api/auth/register').send(again).expect(409);
  }
  assert.equal((await verifyTokensTo(app, account.email)).length, 1);
  await resend(app, account.access_token).expect(202);
});

test('the mail has the link of the configuration', async () => {
  const smtp = await startSmtp();
  const env = { SMTP_URL: smtp.url, MAIL_FROM: FROM, VERIFY_EMAIL_URL: 'rides://verify' };
  const node = await startApp({ env });
  const { email, userId } = await register(node);
  await eventually('the mail has come', () => smtp.messages.length === 1);
  const mail = smtp.messages[0] ?? assert.fail();
  assert.deepEqual([mail.recipients, mail.headers.get('subject')], [[email], VERIFY_SUBJECT]);
  assert.match(mail.text, /It works once, for 24 hours\./);
  const [link, token = ''] = /^rides:\/\/verify#token=([\w-]{43})$/m.exec(mail.text) ?? [];
  assert.ok(link !== undefined && mail.html.includes(`<a href="${link}">`));
  await verify(node, token).expect(200);
  assert.equal(await isVerified(userId), true);
});
