import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { URI } from 'otpauth';
import { eventsOf, mailsTo, register, logIn, REVOKED, whoAmI } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import { connect } from './support/socket.ts';
import {
  assertUnprotected,
  Authenticator,
  beginSetUp,
  challengeOf,
  ENV,
  makeAccount,
  post,
  protect,
  SURFACES,
  WRONG_CODE,
} from './support/two-factor.ts';

const ENABLED = { status: 409, code: 'two_factor_enabled' };
const NOT_ENABLED = { status: 409, code: 'two_factor_not_enabled' };

const clock = new FrozenClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock, env: ENV }),
  memory: await startApp({ clock, env: ENV, store: 'memory' }),
};
const places = SURFACES.flatMap((surface) =>
  storesFor(surface.mount).map((store) => ({ ...surface, store, app: apps[store] })),
);

for (const { app, mount, store, makePerson } of places) {
  const confirm = (token: string, code: string) =>
    post(app, `${mount}/verify-2fa-setup`, { code }).set(bearer(token));
  const remaining = async (token: string): Promise<number> => {
    const answer = await app.request.get(`${mount}/backup-codes`).set(bearer(token)).expect(200);
    return (answer.body as { remaining: number }).remaining;
  };

  describe(`${mount} on the ${store} store: setting up the second factor`, () => {
    test('shows the secret in three forms, and ten backup codes', async () => {
      const { tokens } = await makePerson(app);
      const answer = await post(app, `${mount}/setup-2fa`, {})
        .set(bearer(tokens.access_token))
        .expect(200);
      assert.equal(answer.get('cache-control'), 'no-store');
      const { secret, otpauth_url, qr_code_url, backup_codes, ...rest } = answer.body as Record<
        string,
        string
      >;
      assert.deepEqual(rest, {});
      // 256 bits in base32.
      assert.match(secret ?? '', /^[A-Z2-7]{52}$/);
      const totp = URI.parse(otpauth_url ?? '');
      assert.equal(totp.secret.base32, secret);
      assert.equal(totp.issuer, 'Medallion');
      assert.match(qr_code_url ?? '', /^data:image\/png;base64,iVBORw0KGgo/);
      const codes = backup_codes as unknown as string[];
      assert.equal(new Set(codes).size, 10);
      for (const code of codes) assert.match(code, /^[A-Z0-9]{8}$/);
    });

    test('changes nothing before it is confirmed', async () => {
      const person = await makePerson(app);
      const { access_token } = person.tokens;
      await beginSetUp(app, mount, access_token);
      await assertUnprotected(app, person);
      assert.equal(await remaining(access_token), 0);
      const me = await whoAmI(app, access_token, mount).expect(200);
      assert.equal((me.body as { totp_enabled: boolean }).totp_enabled, false);
    });

    test('is confirmed by a code, and then asked for at every sign-in', async () => {
      const person = await makePerson(app);
      const { access_token } = person.tokens;
      const { secret } = await beginSetUp(app, mount, access_token);
      const code = new Authenticator(secret, clock).next();
      const answer = await confirm(access_token, code).expect(200);
      assert.deepEqual(answer.body, { message: 'Two-factor sign-in is on' });
      const asked = challengeOf(await person.begin(app));
      assert.deepEqual(asked, {
        two_factor_required: true,
        challenge_token: asked.challenge_token,
        expires_in: 600,
        methods: ['totp', 'backup_code'],
      });
      assert.equal(await remaining(access_token), 10);
      const me = await whoAmI(app, access_token, mount).expect(200);
      assert.equal((me.body as { totp_enabled: boolean }).totp_enabled, true);
    });

    test('is not confirmed by a wrong code, nor by one of a set-up that was begun anew', async () => {
      const person = await makePerson(app);
      const { access_token } = person.tokens;
      const first = new Authenticator(
        (await beginSetUp(app, mount, access_token)).secret,
        clock,
      ).next();
      const { secret } = await beginSetUp(app, mount, access_token);
      const second = new Authenticator(secret, clock);
      assertProblem(await confirm(access_token, first), WRONG_CODE);
      assertProblem(await confirm(access_token, second.wrong()), WRONG_CODE);
      await assertUnprotected(app, person);
      await confirm(access_token, second.code()).expect(200);
    });

    test('ends the other sessions and their sockets, and keeps the one that asked', async () => {
      const person = await makePerson(app);
      const other = (await person.begin(app)).body as typeof person.tokens;
      const [socket, mine] = await Promise.all(
        [other, person.tokens].map(({ access_token }) => connect(app.url, access_token)),
      );
      await protect({ app, mount, clock }, person);
      assert.deepEqual(await socket?.closed, { code: 4501, reason: 'credentials_changed' });
      assertProblem(await whoAmI(app, other.access_token, mount), REVOKED);
      await whoAmI(app, person.tokens.access_token, mount).expect(200);
      mine?.send({ type: 'ping' });
      await mine?.next('pong');
    });

    test('is refused where it is on, and confirmed only where it was begun', async () => {
      const person = await makePerson(app);
      const { access_token } = person.tokens;
      assertProblem(await confirm(access_token, '123456'), NOT_ENABLED);
      const { authenticator } = await protect({ app, mount, clock }, person);
      assertProblem(await post(app, `${mount}/setup-2fa`, {}).set(bearer(access_token)), ENABLED);
      assertProblem(await confirm(access_token, authenticator.next()), ENABLED);
    });

    test('is for the signed-in alone', async () => {
      for (const path of [
        'setup-2fa',
        'verify-2fa-setup',
        'disable-2fa',
        'regenerate-backup-codes',
      ])
        assertProblem(await post(app, `${mount}/${path}`), { status: 401, code: 'invalid_token' });
      const answer = await app.request.get(`${mount}/backup-codes`);
      assertProblem(answer, { status: 401, code: 'invalid_token' });
    });

    test('takes codes as apps show them, and nothing that is none', async () => {
      const person = await makePerson(app);
      const { access_token } = person.tokens;
      const { secret } = await beginSetUp(app, mount, access_token);
      for (const code of [
        '',
        '12345',
        '1234567',
        'abcdef',
        '１２３４５６',
        '12 34 5',
        123456,
        null,
      ]) {
        const answer = await confirm(access_token, code as string);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
      const code = new Authenticator(secret, clock).next();
      await confirm(access_token, `${code.slice(0, 3)} ${code.slice(3)}`).expect(200);
    });
  });
}

describe('the second factor of an account', () => {
  const app = apps.redis;
  const mount = '/api/auth';

  test('is told to the owner by e-mail, and is on record', async () => {
    const { account } = await protect({ app, mount, clock }, await makeAccount(app));
    const mails = await mailsTo(app, account.email);
    assert.deepEqual(mails.at(-1)?.subject, 'Two-factor sign-in is on');
    assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_enabled');
  });

  test('is in the tokens of the session that turned it on, from its next refresh on', async () => {
    const { tokens } = await protect({ app, mount, clock }, await makeAccount(app));
    const { refresh_token } = tokens;
    const answer = await post(app, `${mount}/refresh`, { refresh_token }).expect(200);
    const { access_token } = answer.body as { access_token: string };
    assert.deepEqual(decodePart(access_token, 'payload').amr, ['pwd', 'otp', 'mfa']);
  });

  test('is that of the same person on the phone surface', async () => {
    const person = await SURFACES[2]?.makePerson(app);
    assert.ok(person);
    const account = await register(app);
    const userId = person.tokens.user.id;
    // What an administrator does who joins two accounts of one person.
    const [row] = await query<{ hash: string }>(
      'DELETE FROM users WHERE id = $1 RETURNING password_hash AS hash',
      [account.userId],
    );
    await query('UPDATE users SET email = $2, password_hash = $3 WHERE id = $1', [
      userId,
      account.email,
      row?.hash,
    ]);
    await protect({ app, mount: '/api/v2/auth', clock }, person);
    const answer = await post(app, `${mount}/login`, {
      email: account.email,
      password: account.password,
    });
    challengeOf(answer);
  });

  test('has the issuer and as many backup codes as the configuration says', async () => {
    const env = {
      TOTP_ISSUER_NAME: 'Rides & Co',
      BACKUP_CODES_COUNT: '3',
      BACKUP_CODE_LENGTH: '13',
    };
    const other = await startApp({ clock, env });
    const { access_token } = await logIn(other, await register(other));
    const { otpauth_url, backup_codes } = await beginSetUp(other, mount, access_token);
    assert.equal(URI.parse(otpauth_url).issuer, 'Rides & Co');
    assert.equal(backup_codes.length, 3);
    for (const code of backup_codes) assert.match(code, /^[A-Z0-9]{13}$/);
  });

  test('is stored encrypted with its backup codes, and these as Argon2id hashes once it is on', async () => {
    const person = await makeAccount(app);
    const { userId } = person.account;
    const { secret, backup_codes } = await beginSetUp(app, mount, person.tokens.access_token);
    const begun = await query<{ text: string }>(
      'SELECT t::text AS text FROM totp t WHERE user_id = $1',
      [userId],
    );
    assert.equal(begun.length, 1);
    const code = new Authenticator(secret, clock).next();
    await post(app, `${mount}/verify-2fa-setup`, { code })
      .set(bearer(person.tokens.access_token))
      .expect(200);
    const on = await query<{ text: string }>(
      `SELECT t::text || b::text AS text FROM totp t JOIN backup_codes b USING (user_id)
       WHERE user_id = $1`,
      [userId],
    );
    assert.equal(on.length, 10);
    for (const { text } of on) assert.match(text, /\$argon2id\$/);
    for (const { text } of [...begun, ...on]) {
      for (const plain of [secret, ...backup_codes]) assert.ok(!text.includes(plain));
    }
  });

  test('keeps no login waiting, however often its set-up is begun', async () => {
    const node = await startApp({ clock, env: { ...ENV, PASSWORD_HASH_CONCURRENCY: '1' } });
    const { tokens } = await makeAccount(node);
    const answers = Promise.all(
      Array.from({ length: 20 }, () => beginSetUp(node, mount, tokens.access_token)),
    );
    const most = { waiting: 0 };
    const watch = setInterval(() => {
      most.waiting = Math.max(most.waiting, node.context.passwords.waiting);
    }, 1);
    await answers;
    clearInterval(watch);
    assert.equal(most.waiting, 0);
  });

  test('is confirmed and given new codes so often an hour, and no more', async () => {
    const node = await startApp({ clock, env: { ...ENV, BACKUP_CODES_COUNT: '1' } });
    const person = await protect({ app: node, mount, clock }, await makeAccount(node));
    const regenerate = () =>
      post(node, `${mount}/regenerate-backup-codes`, { password: person.account.password }).set(
        bearer(person.tokens.access_token),
      );
    for (let count = 1; count < 10; count++) await regenerate().expect(200);
    assertProblem(await regenerate(), { status: 429, code: 'rate_limited' });
  });
});
