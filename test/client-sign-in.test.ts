import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryStorage, type ClientEvents, type SignIn } from '../client/src/medallion.ts';
import { newAccount, register } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { assertCode, enterByPassword, enterByPhone, openClient } from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { bearer, lastCode, newPhoneNumber, wrongCode } from './support/phone.ts';
import { FrozenClock } from './support/rotation.ts';
import { protect, SURFACES } from './support/two-factor.ts';

const clock = new FrozenClock();
const app = await startApp({
  clock,
  env: { OTP_LIMIT_PER_NUMBER: '100000/60', BACKUP_CODES_COUNT: '2' },
});

type Challenge = Extract<SignIn, { status: 'second_factor_required' }>;

/** TypeScript would take a comparison for true from then on. */
function assertNobody({ session }: { session: unknown }): void {
  assert.equal(session, null);
}

function assertChallenge(signIn: SignIn): asserts signIn is Challenge {
  assert.equal(signIn.status, 'second_factor_required');
}

describe('signing in', () => {
  test('with a one-time code gives a phone session, in the role that was asked for', async () => {
    const { client } = await openClient(app, { deviceName: 'Work phone' });
    const seen: ClientEvents['signedIn'][] = [];
    client.on('signedIn', (session) => seen.push(session));
    const phoneNumber = newPhoneNumber();
    assert.deepEqual(await client.sendCode(phoneNumber), { message: 'OTP sent', expires_in: 300 });
    const code = lastCode(app, phoneNumber);
    const signIn = await client.signInWithCode({ phoneNumber, code, role: 'driver' });
    assert.equal(signIn.status, 'signed_in');
    assert.equal(client.session?.kind, 'phone');
    assert.equal(client.session.user.role, 'driver');
    assert.equal(client.session.user.phone_number, phoneNumber);
    assert.deepEqual(seen, [client.session]);
    assert.equal(client.authPath('/me'), '/api/v2/auth/me');
    const { sessions } = await client.listSessions();
    assert.deepEqual(
      sessions.map(({ device_name, is_current }) => ({ device_name, is_current })),
      [{ device_name: 'Work phone', is_current: true }],
    );
  });

  test('with a password gives an account session, to an account that was registered', async () => {
    const { client } = await openClient(app);
    const account = newAccount();
    const { email } = await client.register(account);
    assert.equal(email, account.email);
    assertNobody(client);
    const { password } = account;
    await client.signInWithPassword({ email, password, deviceName: 'Laptop' });
    assert.equal(client.session?.kind, 'account');
    assert.equal((await client.me()).username, account.username);
    assert.equal(client.authPath('/me'), '/api/auth/me');
    assert.equal((await client.listSessions({ limit: 1 })).sessions[0]?.device_name, 'Laptop');
    const { expiresAt } = client.session;
    assert.ok(Math.abs(expiresAt.getTime() - Date.now() - 15 * 60_000) < 5000);
  });

  for (const { mount, makePerson } of SURFACES.filter(({ mount }) => mount !== '/auth/v2')) {
    test(`at ${mount} asks for the second factor, which may be tried again`, async () => {
      const person = await protect({ app, mount, clock }, await makePerson(app));
      const { client } = await openClient(app);
      const begin = async (): Promise<Challenge> => {
        // The device's own sign-in, so that the client sees the question.
        const signIn = await firstFactor(person);
        assertChallenge(signIn);
        return signIn;
      };
      const firstFactor = async ({ tokens }: typeof person): Promise<SignIn> => {
        const { body } = (await app.request
          .get(`${mount}/me`)
          .set(bearer(tokens.access_token))) as {
          body: { phone_number: string | null; email: string | null };
        };
        if (body.phone_number === null) {
          return client.signInWithPassword({
            email: body.email ?? '',
            password: (await person.prove(app)).password ?? '',
          });
        }
        const code = (await person.prove(app)).otp ?? '';
        return client.signInWithCode({ phoneNumber: body.phone_number, code });
      };
      const challenge = await begin();
      assert.deepEqual(challenge.methods, ['totp', 'backup_code']);
      assert.equal(challenge.expiresIn, 600);
      await assertCode(
        challenge.verifyTotp(person.authenticator.wrong()),
        'invalid_two_factor_code',
      );
      assertNobody(client);
      const user = await challenge.verifyTotp(person.authenticator.next());
      assert.equal(user.totp_enabled, true);
      assert.deepEqual(client.session?.user, user);
      const again = await begin();
      await again.verifyBackupCode(person.backupCodes[0] ?? '');
      assert.equal((await client.me()).id, user.id);
    });
  }

  test('refused says why, in the words of the service', async () => {
    const { client } = await openClient(app);
    const phoneNumber = newPhoneNumber();
    await client.sendCode(phoneNumber);
    const code = wrongCode(lastCode(app, phoneNumber));
    await assert.rejects(client.signInWithCode({ phoneNumber, code }), {
      name: 'MedallionError',
      status: 401,
      code: 'invalid_otp',
      message: 'Invalid OTP. 2 attempts remaining',
    });
    await assert.rejects(client.sendCode(phoneNumber), (error: Record<string, unknown>) => {
      assert.equal(error.status, 429);
      assert.ok(Number(error.retryAfterSeconds) > 0);
      assert.match(String(error.requestId), /^[\w-]{8,}$/);
      return true;
    });
    await assert.rejects(
      client.register({ email: 'no address', username: 'x', password: 'short' }),
      (error: { code: string; errors: { path: string }[] }) => {
        assert.equal(error.code, 'invalid_request');
        assert.deepEqual(error.errors.map(({ path }) => path).sort(), ['email', 'username']);
        return true;
      },
    );
    assert.equal(client.session, null);
  });

  test('as somebody else signs the first one out, here and at the service', async () => {
    const { client } = await openClient(app);
    await enterByPhone(app, client);
    const first = client.session?.accessToken ?? '';
    const ends: string[] = [];
    client.on('signedOut', ({ reason }) => ends.push(reason));
    await enterByPassword(app, client);
    assert.deepEqual(ends, ['logout']);
    assert.equal((await client.me()).id, client.session?.user.id);
    await eventually('the first has ended at the service', async () => {
      const { status } = await app.request.get('/api/v2/auth/me').set(bearer(first));
      return status === 401;
    });
  });
});

describe('a session that was left in the storage', () => {
  test('goes on, on the same device', async () => {
    const storage = memoryStorage();
    const first = await openClient(app, { storage });
    await enterByPassword(app, first.client);
    const { session } = first.client;
    first.client.close();
    const { client } = await openClient(app, { storage });
    assert.deepEqual(client.session, session);
    await client.refresh();
    assert.equal((await client.me()).id, session?.user.id);
  });

  test('is none where what is there is broken or of somebody else', async () => {
    const storage = memoryStorage();
    const { client } = await openClient(app, { storage });
    await enterByPhone(app, client);
    const kept = (await storage.get()) ?? '';
    const token = client.session?.accessToken ?? '';
    const withToken = (other: string) => kept.replace(token, other);
    await storage.set(withToken('a.b.c'));
    assert.equal((await openClient(app, { storage })).client.session?.accessToken, 'a.b.c');
    for (const value of [
      '',
      'null',
      '{}',
      kept.slice(1),
      withToken('a b'),
      withToken('x.y.z\\r\\nh: v'),
    ]) {
      await storage.set(value);
      assert.equal((await openClient(app, { storage })).client.session, null);
    }
  });

  test('whose storage fails does not go unnoticed', async () => {
    const errors: unknown[] = [];
    const storage = {
      get: () => null,
      set: () => Promise.reject(new Error('the disk is full')),
      clear: () => undefined,
    };
    const { client } = await openClient(app, { storage, onError: (error) => errors.push(error) });
    await enterByPassword(app, client);
    // Worse than to lose the session with the page is to lose it now.
    await client.refresh();
    assert.equal((await client.me()).id, client.session?.user.id);
    assert.ok(errors.length > 0);
  });

  test('keeps the device id over a sign-out; a given one keeps nothing', async () => {
    const storage = memoryStorage();
    const { client } = await openClient(app, { storage });
    const account = await register(app);
    await enterByPassword(app, client, account);
    const { deviceId } = JSON.parse((await storage.get()) ?? '') as { deviceId: string };
    await client.signOut();
    assert.deepEqual(JSON.parse((await storage.get()) ?? ''), {
      version: 1,
      deviceId,
      session: null,
    });
    const given = await openClient(app, { storage, deviceId: 'phone-1' });
    await enterByPassword(app, given.client, account);
    await given.client.signOut();
    assert.equal(await storage.get(), null);
    await assert.rejects(openClient(app, { deviceId: 'not one' }), TypeError);
  });
});

test('an address that is none of a service is refused at once', async () => {
  for (const url of ['', 'auth.example.com', 'ftp://auth.example.com', 'https://']) {
    await assert.rejects(openClient({ url }), TypeError);
  }
});
