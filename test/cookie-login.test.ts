import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import bcrypt from 'bcrypt';
import {
  assertLocked,
  eventsOf,
  failLogins,
  logIn,
  newAccount,
  register,
  tryLogIn,
  visibleParts,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp } from './support/app.ts';
import {
  cookie,
  cookieIn,
  cookieLogIn,
  cookieMe,
  COOKIES,
  cookieSessionsOf,
  cookieSignUp,
  tryCookieLogIn,
} from './support/cookies.ts';
import { query } from './support/database.ts';
import { signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { allowAtRest } from './support/secret-record.ts';

const app = await startApp();
const production = await startApp({
  env: {
    NODE_ENV: 'production',
    PUBLIC_URL: 'https://auth.example.com',
    SMS_PROVIDER: 'webhook',
    SMS_WEBHOOK_URL: 'http://127.0.0.1:9/unused',
    SMS_WEBHOOK_SECRET: 'q8vF3tLz0XnB7yWc5rKd1mGh9pSj2aEu',
  },
});
const INVALID = { status: 400, code: 'invalid_request' };

describe(`${COOKIES}/register`, () => {
  const tryRegister = (body: object) => app.request.post(`${COOKIES}/register`).send(body);

  test('answers with the user, and signs nobody in', async () => {
    const { email, username, password } = newAccount();
    const answer = await tryRegister({ email, username, password }).expect(201);
    assert.equal(answer.get('set-cookie'), undefined);
    const { id, created_at, ...user } = answer.body as Record<string, unknown>;
    assert.ok(Number.isInteger(id) && typeof created_at === 'string');
    assert.deepEqual(user, {
      phone_number: null,
      email,
      username,
      role: 'rider',
      roles: ['rider'],
      is_active: true,
      email_verified: false,
      totp_enabled: false,
      last_login: null,
    });
    assert.deepEqual(await eventsOf(Number(id)), ['user_registered']);
  });

  test('does without a username', async () => {
    const { email, password } = newAccount();
    const answer = await tryRegister({ email, password }).expect(201);
    assert.equal((answer.body as { username: unknown }).username, null);
    await cookieLogIn(app, { email, password });
    await logIn(app, { email, password });
  });

  test('refuses an address or a name that is taken, a weak password, and what it does not know', async () => {
    const { email, username, password } = await register(app);
    const exists = { status: 409, code: 'account_exists' };
    assertProblem(await tryRegister({ email: email.toUpperCase(), password }), exists);
    assertProblem(await tryRegister({ email: newAccount().email, username, password }), exists);
    const weak = { email: newAccount().email, password: 'short' };
    assertProblem(await tryRegister(weak), { status: 400, code: 'weak_password' });
    for (const more of [{ role: 'admin' }, { username: '' }, { username: null }]) {
      assertProblem(await tryRegister({ email: newAccount().email, password, ...more }), INVALID);
    }
  });
});

describe(`${COOKIES}/login`, () => {
  test('answers with the user and a cookie for the limit of seven days', async () => {
    const account = await register(app);
    const answer = await tryCookieLogIn(app, account).expect(200);
    assert.equal(answer.get('cache-control'), 'no-store');
    const { secret, attributes } = cookieIn(answer);
    assert.match(secret, /^[\w-]{43}$/);
    const kept = attributes.filter((each) => !each.startsWith('Expires='));
    assert.deepEqual(kept, ['Max-Age=604800', 'Path=/api/v1', 'HttpOnly', 'SameSite=Lax']);
    assert.deepEqual((await cookieMe(app, secret).expect(200)).body, answer.body);
    const { id, role, roles } = answer.body as Record<string, unknown>;
    assert.deepEqual([id, role, roles], [account.userId, 'rider', ['rider']]);
    assert.deepEqual(await eventsOf(account.userId), ['user_registered', 'login_succeeded']);
  });

  test('marks the cookie as secure in production', async () => {
    const account = await register(production);
    const { secret, attributes } = cookieIn(await tryCookieLogIn(production, account).expect(200));
    assert.ok(attributes.includes('Secure') && attributes.includes('HttpOnly'));
    const out = await production.request.post(`${COOKIES}/logout`).set(cookie(secret)).expect(204);
    assert.ok(cookieIn(out).attributes.includes('Secure'));
  });

  test('keeps of the cookie a hash alone, which is not the id that lists show', async () => {
    const { secret, userId } = await cookieSignUp(app);
    const rows = await query<Record<string, unknown>>('SELECT * FROM sessions WHERE user_id = $1', [
      userId,
    ]);
    assert.equal(rows.length, 1);
    assert.equal(JSON.stringify(rows).includes(secret), false);
    assert.equal(secret.includes(String(rows[0]?.id)), false);
    const tokens = await query('SELECT 1 FROM refresh_tokens WHERE session_id = $1', [rows[0]?.id]);
    assert.deepEqual(tokens, []);
    // What is kept opens nothing.
    const kept = [String(rows[0]?.id), String(rows[0]?.cookie_hash)];
    allowAtRest(...kept);
    for (const value of kept) await cookieMe(app, value).expect(401);
  });

  test('acts in the highest staff role', async () => {
    const account = await register(app);
    await query("UPDATE users SET roles = '{rider,viewer,editor}' WHERE id = $1", [account.userId]);
    const answer = await tryCookieLogIn(app, account).expect(200);
    assert.equal((answer.body as { role: string }).role, 'editor');
  });

  test('answers as the other login for a wrong password, an unknown e-mail and no password', async () => {
    const { email } = await register(app);
    const { user } = await signIn(app);
    const other = newAccount().email;
    await query('UPDATE users SET email = $1 WHERE id = $2', [other, user.id]);
    for (const each of [email, newAccount().email, other]) {
      const wrong = { email: each, password: WRONG_PASSWORD };
      const answer = await tryCookieLogIn(app, wrong, { totp_code: '123456' });
      assertProblem(answer, WRONG_CREDENTIALS);
      assert.equal(answer.get('set-cookie'), undefined);
      assert.deepEqual(visibleParts(answer), visibleParts(await tryLogIn(app, wrong)));
    }
  });

  test('counts failures together with the other login', async () => {
    const account = await register(app);
    await failLogins(app, account.email, { times: 3 });
    const wrong = { ...account, password: WRONG_PASSWORD };
    for (let left = 2; left > 0; left--) await tryCookieLogIn(app, wrong).expect(401);
    assertLocked(await tryCookieLogIn(app, account));
    assertLocked(await tryLogIn(app, account));
  });

  test('forgets failures after the right password', async () => {
    const account = await register(app);
    for (let round = 0; round < 2; round++) {
      await failLogins(app, account.email, { times: 4 });
      await cookieLogIn(app, account);
    }
  });

  test('tells a disabled user so, and only with the right password', async () => {
    const account = await register(app);
    await query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]);
    const disabled = { status: 403, code: 'account_disabled' };
    assertProblem(await tryCookieLogIn(app, account), disabled);
    const wrong = { ...account, password: WRONG_PASSWORD };
    assertProblem(await tryCookieLogIn(app, wrong), WRONG_CREDENTIALS);
    assert.deepEqual(await cookieSessionsOf(account.userId), []);
  });

  test('replaces the hash of an older system', async () => {
    const account = await register(app);
    const old = await bcrypt.hash(account.password, 4);
    await query('UPDATE users SET password_hash = $1 WHERE id = $2', [old, account.userId]);
    await cookieLogIn(app, account);
    const [row] = await query<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE id = $1',
      [account.userId],
    );
    assert.match(row?.password_hash ?? '', /^\$argon2id\$/);
    assert.ok((await eventsOf(account.userId)).includes('password_hash_upgraded'));
    await cookieLogIn(app, account);
  });

  test('refuses what is missing, unknown or of a wrong type, and two codes', async () => {
    const { email, password } = newAccount();
    for (const body of [
      {},
      { email },
      { email, password: 1 },
      { email, password, code: '123456' },
      { email, password, totp_code: '12345' },
      { email, password, backup_code: '' },
      { email, password, device_name: '\u0000' },
      { email, password, totp_code: '123456', backup_code: 'ABCDEFGH' },
    ]) {
      assertProblem(await app.request.post(`${COOKIES}/login`).send(body), INVALID);
    }
  });
});

describe('a login with the cookie of a session', () => {
  const logInWith = (secret: string, account: Parameters<typeof tryCookieLogIn>[1]) =>
    tryCookieLogIn(app, account).set(cookie(secret));

  test('ends that session', async () => {
    const { secret, ...account } = await cookieSignUp(app);
    const next = cookieIn(await logInWith(secret, account).expect(200)).secret;
    assert.notEqual(next, secret);
    assertProblem(await cookieMe(app, secret), { status: 401, code: 'token_revoked' });
    await cookieMe(app, next).expect(200);
    const reasons = (await cookieSessionsOf(account.userId)).map(({ end_reason }) => end_reason);
    assert.deepEqual(reasons, ['replaced', null]);
    assert.deepEqual((await eventsOf(account.userId)).slice(-2), [
      'session_replaced',
      'login_succeeded',
    ]);
    const [row] = await query('SELECT reason FROM revocations WHERE user_id = $1', [
      account.userId,
    ]);
    assert.deepEqual(row, { reason: 'replaced' });
  });

  test('ends the session of somebody else', async () => {
    const other = await cookieSignUp(app);
    const account = await register(app);
    const { secret } = cookieIn(await logInWith(other.secret, account).expect(200));
    assertProblem(await cookieMe(app, other.secret), { status: 401, code: 'token_revoked' });
    const me = (await cookieMe(app, secret).expect(200)).body as { id: number };
    assert.equal(me.id, account.userId);
    assert.equal((await eventsOf(other.userId)).at(-1), 'session_replaced');
  });

  test('ends nothing where it fails', async () => {
    const { secret, ...account } = await cookieSignUp(app);
    await logInWith(secret, { ...account, password: WRONG_PASSWORD }).expect(401);
    await cookieMe(app, secret).expect(200);
  });

  test('never takes over what was presented', async () => {
    const account = await register(app);
    const planted = 'A'.repeat(43);
    const { secret } = cookieIn(await logInWith(planted, account).expect(200));
    assert.notEqual(secret, planted);
    await cookieMe(app, planted).expect(401);
  });

  test('twice at once opens two sessions and ends the one once', async () => {
    const { secret, ...account } = await cookieSignUp(app);
    const answers = await Promise.all([1, 2].map(() => logInWith(secret, account)));
    for (const answer of answers) await cookieMe(app, cookieIn(answer).secret).expect(200);
    await cookieMe(app, secret).expect(401);
    const replaced = (await eventsOf(account.userId)).filter((each) => each === 'session_replaced');
    assert.equal(replaced.length, 1);
  });
});

test('fifty logins at once open fifty sessions', async () => {
  const account = await register(app);
  const secrets = await Promise.all(Array.from({ length: 50 }, () => cookieLogIn(app, account)));
  assert.equal(new Set(secrets).size, 50);
  assert.equal((await cookieSessionsOf(account.userId)).length, 50);
  for (const secret of [secrets[0], secrets[49]]) await cookieMe(app, secret ?? '').expect(200);
});
