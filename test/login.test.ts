import assert from 'node:assert/strict';
import { pbkdf2Sync } from 'node:crypto';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import {
  eventsOf,
  failLogins,
  logIn,
  MOUNTS,
  newAccount,
  PASSWORD,
  register,
  signUp,
  tryLogIn,
  visibleParts,
  whoAmI,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { decodePart } from './support/jwt.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const DISABLED = { status: 403, code: 'account_disabled', detail: 'This account is disabled' };
const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });

const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ log }),
  memory: await startApp({ log, store: 'memory' }),
};
const places = MOUNTS.flatMap((mount) =>
  storesFor(mount).map((store) => ({ app: apps[store], store, mount })),
);

/** Somebody who signs in by phone and has an e-mail address, but no password. */
async function makePhoneUser(app: TestApp): Promise<string> {
  const { user } = await signIn(app);
  const { email } = newAccount();
  await query('UPDATE users SET email = $1 WHERE id = $2', [email, user.id]);
  return email;
}

for (const { app, store, mount } of places) {
  describe(`${mount}/login on the ${store} store`, () => {
    test('answers with both tokens and the user', async () => {
      const account = await register(app);
      const answer = await tryLogIn(app, account, { mount }).expect(200);
      const { access_token, refresh_token, user, ...rest } = answer.body as Record<string, unknown>;
      assert.deepEqual(rest, { token_type: 'bearer', expires_in: 900 });
      assert.ok(typeof access_token === 'string' && typeof refresh_token === 'string');
      assert.equal(answer.get('cache-control'), 'no-store');
      const { created_at, last_login, ...known } = user as Record<string, unknown>;
      assert.deepEqual(known, {
        id: account.userId,
        phone_number: null,
        email: account.email,
        username: account.username,
        role: 'rider',
        roles: ['rider'],
        is_active: true,
        email_verified: false,
        totp_enabled: false,
      });
      assert.ok(Date.parse(String(created_at)) <= Date.parse(String(last_login)));
      assert.deepEqual((await whoAmI(app, access_token, mount).expect(200)).body, user);
    });

    test('notes the sign-in with the user and in the audit log', async () => {
      const account = await register(app);
      const { user } = await logIn(app, account, { mount });
      const sql = 'SELECT last_login FROM users WHERE id = $1';
      const [row] = await query<{ last_login: Date }>(sql, [account.userId]);
      const { last_login } = user as unknown as { last_login: string };
      assert.equal(row?.last_login.toISOString(), last_login);
      assert.deepEqual(await eventsOf(account.userId), ['user_registered', 'login_succeeded']);
    });

    test('opens a session of its own each time, under the name of the device', async () => {
      const account = await register(app);
      const one = await logIn(app, account, { mount, device_name: 'Kitchen tablet' });
      await logIn(app, account, { mount });
      const answer = await app.request
        .get(`${mount}/sessions`)
        .set(bearer(one.access_token))
        .expect(200);
      const { sessions } = answer.body as {
        sessions: { kind: string; device_name: string | null }[];
      };
      assert.deepEqual(
        sessions.map(({ kind, device_name }) => [kind, device_name]),
        [
          ['account', null],
          ['account', 'Kitchen tablet'],
        ],
      );
    });

    test('takes the e-mail in whatever case, and the password as it is', async () => {
      const { email, password } = await register(app);
      await logIn(app, { email: email.toUpperCase(), password }, { mount });
      for (const wrong of [password.toLowerCase(), ` ${password}`, `${password} `]) {
        assertProblem(
          await tryLogIn(app, { email, password: wrong }, { mount }),
          WRONG_CREDENTIALS,
        );
      }
    });

    test('takes a password however a keyboard composes its letters', async () => {
      const account = { ...newAccount(), password: 'Caf\u00e9 Giraffe 7 eats' };
      await register(app, account);
      await logIn(app, { ...account, password: 'Cafe\u0301 Giraffe 7 eats' }, { mount });
    });

    test('answers the same for a wrong password, an unknown e-mail and no password', async () => {
      const { email } = await register(app);
      const emails = [email, newAccount().email, await makePhoneUser(app)];
      const answers = await Promise.all(
        emails.map((each) => tryLogIn(app, { email: each, password: WRONG_PASSWORD }, { mount })),
      );
      for (const answer of answers) {
        assertProblem(answer, WRONG_CREDENTIALS);
        assert.deepEqual(visibleParts(answer), visibleParts(answers[0] ?? answer));
      }
    });

    test('puts a failure on record, with the user where there is one', async () => {
      const { email, userId } = await register(app);
      await failLogins(app, email, { times: 1, mount });
      assert.deepEqual(await eventsOf(userId), ['user_registered', 'login_failed']);
    });

    test('tells a disabled user so, but only with the right password', async () => {
      const account = await register(app);
      await query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]);
      assertProblem(await tryLogIn(app, account, { mount }), DISABLED);
      const guess = await tryLogIn(app, { ...account, password: WRONG_PASSWORD }, { mount });
      assertProblem(guess, WRONG_CREDENTIALS);
      const { email } = newAccount();
      const unknown = await tryLogIn(app, { email, password: WRONG_PASSWORD }, { mount });
      assert.deepEqual(visibleParts(guess), visibleParts(unknown));
      assert.deepEqual(await eventsOf(account.userId), [
        'user_registered',
        'login_refused',
        'login_failed',
      ]);
      const rows = await query('SELECT 1 FROM sessions WHERE user_id = $1', [account.userId]);
      assert.deepEqual(rows, []);
    });

    test('refuses what is missing, unknown or of a wrong type', async () => {
      const { email } = newAccount();
      for (const body of [
        {},
        { email },
        { password: PASSWORD },
        { email, password: 1 },
        { email: [email], password: PASSWORD },
        { email: 'ada', password: PASSWORD },
        { email, password: PASSWORD, role: 'admin' },
        { email, password: PASSWORD, device_name: '' },
      ]) {
        const answer = await app.request.post(`${mount}/login`).send(body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
    });
  });
}

describe('the tokens of a login', () => {
  test('say what the contract says, and no more', async () => {
    const app = apps.redis;
    const { access_token, refresh_token, user, email } = await signUp(app);
    const { jti, iat, exp, sid, ...claims } = decodePart(access_token, 'payload');
    const parties = { iss: app.context.config.publicUrl, aud: 'medallion' };
    const subject = { sub: String(user.id), user_id: user.id };
    assert.deepEqual(claims, {
      ...subject,
      ...parties,
      email,
      role: 'rider',
      roles: ['rider'],
      token_type: 'access',
      auth_time: iat,
      amr: ['pwd'],
    });
    assert.match(String(jti), new RegExp(`^${String(sid)}\\.1\\.[\\w-]+$`));
    assert.equal(Number(exp) - Number(iat), 900);
    const { jti: refreshJti, exp: refreshExp, ...others } = decodePart(refresh_token, 'payload');
    assert.deepEqual(others, { ...subject, ...parties, sid, iat, token_type: 'refresh' });
    assert.match(String(refreshJti), new RegExp(`^${String(sid)}\\.1\\.[\\w-]+$`));
    assert.notEqual(refreshJti, jti);
    assert.equal(Number(refreshExp) - Number(iat), 7 * 24 * 60 * 60);
  });

  test('name the type, the algorithm and a key that is not that of phone tokens', async () => {
    const { access_token, refresh_token } = await signUp(apps.redis);
    const { kid, ...rest } = decodePart(access_token, 'header');
    assert.deepEqual(rest, { alg: 'HS256', typ: 'at+jwt' });
    assert.deepEqual(decodePart(refresh_token, 'header'), { alg: 'HS256', kid, typ: 'rt+jwt' });
    const phone = await signIn(apps.redis);
    assert.notEqual(decodePart(phone.access_token, 'header').kid, kid);
  });

  test('live as long as the configuration says', async () => {
    const env = { ACCESS_TOKEN_EXPIRE_MINUTES: '2', REFRESH_TOKEN_EXPIRE_DAYS: '1' };
    const app = await startApp({ env });
    const tokens = await signUp(app);
    assert.equal((tokens as unknown as { expires_in: number }).expires_in, 120);
    const lifeOf = (token: string) => {
      const { iat, exp } = decodePart(token, 'payload');
      return Number(exp) - Number(iat);
    };
    assert.equal(lifeOf(tokens.access_token), 120);
    assert.equal(lifeOf(tokens.refresh_token), 24 * 60 * 60);
  });
});

describe('the hash queue', () => {
  const SLOW = 2;
  const PLACES = 1 + 64;
  const salt = 'x9fQ2mPz7LkR';
  const key = pbkdf2Sync('slow', salt, 2_000_000, 32, 'sha256').toString('base64');
  const slowHash = `pbkdf2_sha256$2000000$${salt}$${key}`;

  /** Puts hashes in front that take so long that whatever comes after them can be seen to wait. */
  function block({ context: { passwords } }: TestApp) {
    const state = { finished: 0 };
    const slow = Array.from({ length: SLOW }, async () => {
      await passwords.verify('slow', slowHash);
      state.finished++;
    });
    return { state, unblocked: Promise.all(slow) };
  }

  test('is where an unknown e-mail waits as a known one does', async () => {
    const app = await startApp({ env: { PASSWORD_HASH_CONCURRENCY: '1' } });
    const emails = [(await register(app)).email, newAccount().email, await makePhoneUser(app)];
    const { state, unblocked } = block(app);
    const before = app.context.passwords.waiting;
    const answers = Promise.all(
      emails.map((email) => tryLogIn(app, { email, password: WRONG_PASSWORD })),
    );
    const { passwords } = app.context;
    const total = before + emails.length;
    await eventually('all wait for a hash', () => passwords.waiting + state.finished === total);
    for (const { status } of await answers) assert.equal(status, 401);
    await unblocked;
  });

  test('refuses whom it has no place for, and counts no failure', async () => {
    const app = await startApp({ env: { PASSWORD_HASH_CONCURRENCY: '1' } });
    const account = await register(app);
    const { unblocked } = block(app);
    const answers = await Promise.all(Array.from({ length: 100 }, () => tryLogIn(app, account)));
    const refused = answers.filter(({ status }) => status !== 200);
    assert.ok(refused.length > 0, 'there was a place for everybody');
    assert.ok(answers.length - refused.length >= PLACES - SLOW);
    for (const answer of refused) assertProblem(answer, { status: 503, code: 'busy' });
    assert.ok(!(await eventsOf(account.userId)).includes('login_failed'));
    assert.deepEqual(await failLogins(app, account.email, { times: 4 }), [401, 401, 401, 401]);
    await logIn(app, account);
    await unblocked;
  });

  test('refuses unknown addresses like known ones', async () => {
    const app = await startApp({ env: { PASSWORD_HASH_CONCURRENCY: '1' } });
    const { unblocked } = block(app);
    const emails = Array.from({ length: 100 }, () => newAccount().email);
    const answers = await Promise.all(
      emails.map((email) => tryLogIn(app, { email, password: WRONG_PASSWORD })),
    );
    const refused = answers.filter(({ status }) => status !== 401);
    assert.ok(refused.length > 0 && answers.length - refused.length >= PLACES - SLOW);
    for (const answer of refused) assertProblem(answer, { status: 503, code: 'busy' });
    await unblocked;
  });
});

test('nothing of a password or a token is logged', async () => {
  const app = apps.redis;
  const account = { ...newAccount(), password: 'Quiet Walrus 3 sings' };
  await register(app, account);
  const { access_token, refresh_token } = await logIn(app, account);
  await tryLogIn(app, { ...account, password: 'Quiet Walrus 4 sings' }).expect(401);
  await tryLogIn(app, account, { device_name: '\u0000' }).expect(400);
  const last = 'the-last-login';
  await app.request.post('/api/auth/login').set('X-Request-Id', last).send({}).expect(400);
  await eventually('the requests are logged', () => lines.some((line) => line.includes(last)));
  assert.ok(lines.some((line) => line.includes('audit: login_succeeded')));
  for (const secret of ['Quiet Walrus', access_token, refresh_token, 'eyJhbGciOi', '$argon2id$']) {
    assert.equal(lines.join('').includes(secret), false);
  }
});
