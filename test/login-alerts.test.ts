import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  eventsOf,
  failLogins,
  logIn,
  mailsTo,
  MOUNTS,
  newAccount,
  PASSWORD,
  register,
  tryLogIn,
  type Account,
  type SentMail,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { VERIFY_SUBJECT } from './support/recovery.ts';
import { FROM, startSmtp, subjectsOf } from './support/smtp.ts';

const LOCKED = 'Your account is locked for a while';
const NEW_DEVICE = 'New sign-in to your account';
const CHANGED = 'Your password was changed';
const NEW_PASSWORD = 'Small Giraffe 9 eats';

const app = await startApp();

/** The alerts that went to an address: not the mail that verifies it, which comes with the registration. */
async function alertsTo(email: string): Promise<SentMail[]> {
  return (await mailsTo(app, email)).filter(({ subject }) => subject !== VERIFY_SUBJECT);
}

async function subjectsTo(email: string): Promise<string[]> {
  return (await alertsTo(email)).map(({ subject }) => subject);
}

/** An account that has been used on one device. */
async function registerWithDevice(node: TestApp): Promise<Account & { userId: number }> {
  const account = await register(node);
  await logIn(node, account, { deviceId: 'first-device' });
  return account;
}

async function logInWithAgent(account: Account, mount: string, agent: string): Promise<void> {
  const request = tryLogIn(app, account, { mount }).set('User-Agent', agent);
  await request.expect(200);
}

for (const mount of MOUNTS) {
  describe(`after ${mount}/login the owner gets a mail`, () => {
    test('about a lockout, once', async () => {
      const { email } = await register(app);
      await failLogins(app, email, { times: 4, mount });
      assert.deepEqual(await subjectsTo(email), []);
      await failLogins(app, email, { times: 4, mount });
      const [mail, ...more] = await alertsTo(email);
      assert.deepEqual([mail?.channel, mail?.subject, more.length], ['email', LOCKED, 0]);
      assert.match(mail?.body ?? '', /Locked until: .* UTC\nIP address: /);
    });

    test('about a lockout by many guesses at once, once', async () => {
      const { email } = await register(app);
      const guess = { email, password: 'Tall Giraffe 8 eats' };
      await Promise.all(Array.from({ length: 20 }, () => tryLogIn(app, guess, { mount })));
      assert.deepEqual(await subjectsTo(email), [LOCKED]);
    });

    test('at the address as it was registered, however it was typed', async () => {
      const { email } = await register(app);
      await failLogins(app, email.toUpperCase(), { mount });
      assert.deepEqual(await subjectsTo(email), [LOCKED]);
      assert.deepEqual(await subjectsTo(email.toUpperCase()), []);
    });

    test('about a sign-in from a new device, by the id that it sends', async () => {
      const account = await register(app);
      const { email, userId } = account;
      await logIn(app, account, { mount, deviceId: 'first-device' });
      await logIn(app, account, { mount, deviceId: 'first-device' });
      assert.deepEqual(await subjectsTo(email), []);
      await logIn(app, account, { mount, deviceId: 'other-device', device_name: 'Her tablet' });
      await logIn(app, account, { mount, deviceId: 'other-device' });
      await logIn(app, account, { mount, deviceId: 'first-device' });
      const mails = await alertsTo(email);
      assert.deepEqual(
        mails.map(({ subject }) => subject),
        [NEW_DEVICE],
      );
      assert.match(mails[0]?.body ?? '', /Her tablet/);
      const events = await eventsOf(userId);
      assert.equal(events.filter((event) => event === 'new_device_login').length, 1);
    });

    test('about a new user agent only where no id is sent', async () => {
      const account = await register(app);
      await logInWithAgent(account, mount, 'Browser/1');
      await logInWithAgent(account, mount, 'Browser/1');
      assert.deepEqual(await subjectsTo(account.email), []);
      await logInWithAgent(account, mount, 'Browser/2');
      assert.deepEqual(await subjectsTo(account.email), [NEW_DEVICE]);
      const same = { mount, deviceId: 'with-an-id' };
      await tryLogIn(app, account, same).set('User-Agent', 'App/1').expect(200);
      assert.deepEqual(await subjectsTo(account.email), [NEW_DEVICE, NEW_DEVICE]);
      await tryLogIn(app, account, same).set('User-Agent', 'App/2').expect(200);
      assert.deepEqual(await subjectsTo(account.email), [NEW_DEVICE, NEW_DEVICE]);
    });

    test('about a change of the password, and not about an attempt at it', async () => {
      const account = await register(app);
      const { access_token } = await logIn(app, account, { mount });
      const change = (current_password: string) =>
        app.request
          .post(`${mount}/change-password`)
          .set(bearer(access_token))
          .send({ current_password, new_password: NEW_PASSWORD });
      await change('Tall Giraffe 8 eats').expect(401);
      assert.deepEqual(await subjectsTo(account.email), []);
      await change(PASSWORD).expect(200);
      assert.deepEqual(await subjectsTo(account.email), [CHANGED]);
    });
  });
}

test('nobody gets a mail about an address that has no account', async () => {
  const { email } = newAccount();
  await failLogins(app, email, { times: 7 });
  assert.deepEqual(await subjectsTo(email), []);
});

test('a sign-in from a new device that fails is not announced', async () => {
  const account = await registerWithDevice(app);
  const device = { deviceId: 'other-device' };
  await tryLogIn(app, { ...account, password: 'Tall Giraffe 8 eats' }, device).expect(401);
  await query('UPDATE users SET is_active = false WHERE id = $1', [account.userId]);
  await tryLogIn(app, account, device).expect(403);
  assert.deepEqual(await subjectsTo(account.email), []);
});

test('no mail is sent where the sign-in could not be committed', async () => {
  const account = await registerWithDevice(app);
  await query(`
    CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'not now';
      END
    $$;
    CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON known_devices DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.user_id = ${account.userId}) EXECUTE FUNCTION refuse_commit();`);
  const answer = await tryLogIn(app, account, { deviceId: 'other-device' });
  assert.ok(answer.status >= 500, `it is ${answer.status}`);
  assert.deepEqual(await subjectsTo(account.email), []);
  await query('DROP TRIGGER refusing ON known_devices');
  await logIn(app, account, { deviceId: 'other-device' });
  assert.deepEqual(await subjectsTo(account.email), [NEW_DEVICE]);
});

test('two sign-ins at once from one new device are announced once', async () => {
  const account = await registerWithDevice(app);
  const device = { deviceId: 'other-device' };
  await Promise.all(Array.from({ length: 8 }, () => logIn(app, account, device)));
  assert.deepEqual(await subjectsTo(account.email), [NEW_DEVICE]);
});

describe('with a mail server', () => {
  test('the mails go there, from the address of the configuration', async () => {
    const smtp = await startSmtp();
    const node = await startApp({ env: { SMTP_URL: smtp.url, MAIL_FROM: FROM } });
    const account = await registerWithDevice(node);
    const { access_token } = await logIn(node, account, { deviceId: 'other-device' });
    await failLogins(node, account.email);
    await node.request
      .post('/api/auth/change-password')
      .set(bearer(access_token))
      .send({ current_password: PASSWORD, new_password: NEW_PASSWORD })
      .expect(200);
    await eventually('four mails have come', () => smtp.messages.length === 4);
    assert.deepEqual(subjectsOf(smtp), [VERIFY_SUBJECT, NEW_DEVICE, LOCKED, CHANGED]);
    for (const mail of smtp.messages) {
      assert.deepEqual(mail.recipients, [account.email]);
      assert.equal(mail.headers.get('from'), FROM);
      for (const secret of [PASSWORD, NEW_PASSWORD, access_token]) {
        assert.equal(mail.raw.includes(secret), false);
      }
    }
  });

  test('a login does not wait for one that never answers', async () => {
    const smtp = await startSmtp();
    const node = await startApp({ env: { SMTP_URL: smtp.url, MAIL_FROM: FROM } });
    const account = await registerWithDevice(node);
    await eventually('the first mail is sent', () => smtp.messages.length === 1);
    smtp.behave('hang', 'hang', 'hang');
    await logIn(node, account, { deviceId: 'other-device' });
    await eventually('the server was asked', () => smtp.attempts.length === 2);
    await logIn(node, account, { deviceId: 'third-device' });
    assert.deepEqual(await failLogins(node, account.email), [401, 401, 401, 401, 401]);
    assert.equal(smtp.messages.length, 1);
  });

  test('a login succeeds while the server is down', async () => {
    const smtp = await startSmtp();
    const node = await startApp({ env: { SMTP_URL: smtp.url, MAIL_FROM: FROM } });
    await smtp.stop();
    const account = await registerWithDevice(node);
    const { access_token } = await logIn(node, account, { deviceId: 'other-device' });
    await node.request.get('/api/auth/me').set(bearer(access_token)).expect(200);
    const events = await eventsOf(account.userId);
    assert.equal(events.at(-1), 'new_device_login');
  });
});
