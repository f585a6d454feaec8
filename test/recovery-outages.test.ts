import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, logIn, mailsTo, newAccount, signUp, whoAmI } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { databaseUrl, query, required } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import {
  countTokens,
  forget,
  isVerified,
  lastVerifyToken,
  NEW_PASSWORD,
  newResetToken,
  reset,
  resetTokensTo,
  verify,
  VERIFY_SUBJECT,
} from './support/recovery.ts';
import { startProxy, type TcpProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

const UNAVAILABLE = { status: 503, code: 'service_unavailable' };
const OUTAGES = ['cut', 'stall'] as const;

async function behindProxy(
  variable: 'DATABASE_URL' | 'REDIS_URL',
  url: string,
): Promise<{ app: TestApp; service: TcpProxy }> {
  const service = await startProxy(url);
  const app = await startApp({ env: { [variable]: service.url, DATABASE_POOL_SIZE: '3' } });
  atEnd(() => {
    service.restore();
  });
  return { app, service };
}

async function untilWhole(app: TestApp): Promise<void> {
  await eventually('the service is whole again', async () => {
    const answer = await app.request.get('/readyz');
    return (answer.body as { degraded: string[] }).degraded.length === 0;
  });
}

for (const outage of OUTAGES) {
  describe(`while PostgreSQL is away (${outage})`, { concurrency: true }, () => {
    test('nothing is done by half, and the links work afterwards', async () => {
      const { app, service } = await behindProxy('DATABASE_URL', await databaseUrl());
      const account = await signUp(app);
      const { email, user } = account;
      const [token, verifyToken] = [
        await newResetToken(app, email),
        await lastVerifyToken(app, email),
      ];
      service[outage]();
      for (const answer of await Promise.all([
        forget(app, email),
        forget(app, newAccount().email),
        reset(app, token),
        verify(app, verifyToken),
      ])) {
        assertProblem(answer, UNAVAILABLE);
      }
      service.restore();
      await untilWhole(app);
      // What was held up may have gone through after all, but the mail and the answer of it are lost.
      assert.equal((await resetTokensTo(app, email)).length, 1);
      assert.equal(await isVerified(user.id), false);
      await whoAmI(app, account.access_token).expect(200);
      await reset(app, token).expect(200);
      await verify(app, verifyToken).expect(200);
      await logIn(app, { email, password: NEW_PASSWORD });
    });
  });

  describe(`while Redis is away (${outage})`, { concurrency: true }, () => {
    test('everything works, and mails are limited on the node itself', async () => {
      const { app, service } = await behindProxy('REDIS_URL', required('TEST_REDIS_URL'));
      service[outage]();
      const account = await signUp(app);
      const { email } = account;
      for (let times = 0; times < 5; times++) await forget(app, email).expect(202);
      const tokens = await resetTokensTo(app, email);
      assert.equal(tokens.length, 3);
      const resend = () =>
        app.request.post('/api/auth/resend-verification').set(bearer(account.access_token));
      await resend().expect(202);
      await verify(app, await lastVerifyToken(app, email)).expect(200);
      await reset(app, tokens[0] ?? '').expect(200);
      assertProblem(await whoAmI(app, account.access_token), {
        status: 401,
        code: 'token_revoked',
      });
      await logIn(app, { email, password: NEW_PASSWORD });
      service.restore();
      await untilWhole(app);
      assertProblem(await whoAmI(app, account.access_token), {
        status: 401,
        code: 'token_revoked',
      });
    });
  });
}

/** Refuses every commit that writes an audit event of this type. */
async function refuseCommits(eventType: string): Promise<() => Promise<unknown>> {
  await query(`
    CREATE OR REPLACE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        RAISE EXCEPTION 'not now';
      END
    $$;
    CREATE CONSTRAINT TRIGGER refusing AFTER INSERT ON audit_log DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.event_type = '${eventType}') EXECUTE FUNCTION refuse_commit();`);
  return () => query('DROP TRIGGER refusing ON audit_log');
}

describe('what cannot be committed', () => {
  test('leaves password, token and sessions as they were, and mails nothing', async () => {
    const app = await startApp();
    const account = await signUp(app);
    const { email, user } = account;
    const token = await newResetToken(app, email);
    const before = [await eventsOf(user.id), await mailsTo(app, email)];
    const allow = await refuseCommits('password_reset');
    assert.equal((await reset(app, token)).status, 500);
    await allow();
    assert.deepEqual([await eventsOf(user.id), await mailsTo(app, email)], before);
    await whoAmI(app, account.access_token).expect(200);
    await logIn(app, account);
    await reset(app, token).expect(200);
  });

  test('leaves no token of a registration or of a request behind, and mails nothing', async () => {
    const app = await startApp();
    const { email, user } = await signUp(app);
    const allowRequest = await refuseCommits('password_reset_requested');
    assert.equal((await forget(app, email)).status, 500);
    await allowRequest();
    assert.equal(await countTokens(user.id, 'reset_password'), 0);
    const account = newAccount();
    const allowRegistration = await refuseCommits('user_registered');
    assert.equal((await app.request.post('/api/auth/register').send(account)).status, 500);
    await allowRegistration();
    const subjects = [...(await mailsTo(app, email)), ...(await mailsTo(app, account.email))].map(
      ({ subject }) => subject,
    );
    assert.deepEqual(subjects, [VERIFY_SUBJECT]);
  });
});
