import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { generateBackupCode } from '../server/crypto/backup-code.ts';
import { generateTotpSecret } from '../server/crypto/totp.ts';
import { accessOf, register, tryLogIn } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { fieldsOf, type ApiDescription } from './support/described-secrets.ts';
import { newResetToken, NEW_PASSWORD, reset } from './support/recovery.ts';
import { FrozenClock } from './support/rotation.ts';
import { challengeOf, FEW_CODES, makeAccount, protect, verify } from './support/two-factor.ts';

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

const clock = new FrozenClock();
const app = await startApp({ clock, env: FEW_CODES });
const { paths, components } = (await app.request.get('/openapi.json').expect(200))
  .body as ApiDescription;

test('a password of ten years ago signs in, and nobody asks for another', async () => {
  const account = await register(app);
  const later = new FrozenClock();
  later.advance(10 * YEAR_MS);
  const node = await startApp({ clock: later });
  const body = (await tryLogIn(node, account).expect(200)).body as object;
  assert.deepEqual(Object.keys(body).sort(), [
    'access_token',
    'expires_in',
    'refresh_token',
    'token_type',
    'user',
  ]);
});

test('a password reset leaves the second factor on, and asks for it', async () => {
  const mount = '/api/auth';
  const person = await protect({ app, mount, clock }, await makeAccount(app));
  const { email } = person.account;
  const answer = await reset(app, await newResetToken(app, email)).expect(200);
  assert.ok(!JSON.stringify(answer.body).includes('token'));
  const { challenge_token } = challengeOf(await tryLogIn(app, { email, password: NEW_PASSWORD }));
  const code = person.authenticator.next();
  const opened = await verify(app, mount, { challenge_token, code }).expect(200);
  const me = await app.request
    .get(`${mount}/me`)
    .set('authorization', `Bearer ${accessOf(opened)}`)
    .expect(200);
  assert.equal((me.body as { totp_enabled: boolean }).totp_enabled, true);
});

describe('by the description of the API', () => {
  /** Of RFC 7009 §2.1, and no hint at a password. */
  const HARMLESS = ['token_type_hint'];

  test('no request and no answer has a hint or a secret question', () => {
    const telling = /(^|_)(hint|question|answer|reminder|maiden|birth)/;
    const found = fieldsOf(paths, components).filter((name) => telling.test(name));
    assert.deepEqual([...new Set(found)], HARMLESS);
  });

  test('no request of staff has a field for a password', () => {
    const staff = Object.entries(paths).filter(([path]) => path.startsWith('/api/admin'));
    const fields = staff.flatMap(([, methods]) =>
      Object.values(methods).flatMap(({ requestBody }) => fieldsOf(requestBody, components)),
    );
    assert.ok(fields.includes('roles'));
    const found = fields.filter((name) => name.includes('password'));
    assert.deepEqual(found, ['reset_password']);
  });

  test('no request changes an address or a number', () => {
    const changed = Object.entries(paths).flatMap(([path, methods]) =>
      ['patch', 'put'].flatMap((method) =>
        fieldsOf(methods[method]?.requestBody, components)
          .filter((name) => /email|phone/.test(name))
          .map((name) => `${method} ${path} ${name}`),
      ),
    );
    assert.deepEqual(changed, []);
  });
});

describe('what is random', () => {
  const COUNT = 4000;
  const makers: Record<string, { make: () => string; alphabet: number }> = {
    'one-time codes': { make: () => app.context.generateCode(), alphabet: 10 },
    'backup codes': { make: () => generateBackupCode(8), alphabet: 32 },
    'TOTP secrets': { make: () => generateTotpSecret().slice(0, 50), alphabet: 32 },
  };

  for (const [name, { make, alphabet }] of Object.entries(makers)) {
    test(`is spread evenly, and not from Math.random: ${name}`, (t) => {
      t.mock.method(Math, 'random', () => 0);
      const codes = Array.from({ length: COUNT }, make);
      const length = codes[0]?.length ?? 0;
      const counts = new Map<string, number>();
      for (const character of codes.join('')) {
        counts.set(character, (counts.get(character) ?? 0) + 1);
      }
      const expected = (COUNT * length) / alphabet;
      assert.equal(counts.size, alphabet);
      // Seven standard deviations: once in a hundred thousand million runs.
      for (const [character, count] of counts) {
        assert.ok(Math.abs(count - expected) < 7 * Math.sqrt(expected), `${character}: ${count}`);
      }
      // Of a million one-time codes some eight are the same by chance.
      assert.ok(new Set(codes).size > COUNT - 60);
    });
  }
});
