import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'supertest';
import { PASSWORD, tryLogIn, whoAmI } from './support/accounts.ts';
import { startApp, testEnvironment } from './support/app.ts';
import { databaseUrl, query } from './support/database.ts';
import { tally } from './support/otp.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import { startProxy } from './support/tcp-proxy.ts';
import {
  assertUnprotected,
  Authenticator,
  beginSetUp,
  challenge,
  challengeOf,
  FEW_CODES,
  makeAccount,
  post,
  protect,
  SURFACES,
  verify,
  verifyBackup,
} from './support/two-factor.ts';

const UNAVAILABLE = { status: 503, code: 'service_unavailable' };

const clock = new FrozenClock();
const env = FEW_CODES;
const a = await startApp({ clock, env });
const b = await startApp({ clock, env });
const nodes = [a, b];

async function countSessions(userId: number): Promise<number> {
  const rows = await query('SELECT 1 FROM sessions WHERE user_id = $1 AND ended_at IS NULL', [
    userId,
  ]);
  return rows.length;
}

function assertNoFault(answers: Response[]): void {
  for (const { status } of answers) assert.ok(status < 500, `an answer is ${status}`);
}

for (const { mount, makePerson } of SURFACES) {
  const makeProtected = async () => protect({ app: a, mount, clock }, await makePerson(a));

  describe(`${mount}: on two nodes at once`, () => {
    test('one code opens one session, whatever the number of challenges', async () => {
      const person = await makeProtected();
      const challenges: string[] = [];
      while (challenges.length < 4) challenges.push(await challenge(a, person));
      const code = person.authenticator.next();
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) => {
          const challenge_token = challenges[index % 4];
          return verify(index % 2 === 0 ? a : b, mount, { challenge_token, code });
        }),
      );
      assertNoFault(answers);
      assert.equal(tally(answers)[200], 1);
      assert.equal(await countSessions(person.tokens.user.id), 2);
    });

    test('one challenge opens one session, though both ways to answer it are right', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(a, person);
      const code = person.authenticator.next();
      const [backup_code] = person.backupCodes;
      const answers = await Promise.all(
        [a, b, a, b].flatMap((node) => [
          verify(node, mount, { challenge_token, code }),
          verifyBackup(node, mount, { challenge_token, backup_code }),
        ]),
      );
      assertNoFault(answers);
      assert.equal(tally(answers)[200], 1);
      assert.equal(await countSessions(person.tokens.user.id), 2);
    });

    test('a set-up is confirmed once, though three codes are right', async () => {
      const person = await makePerson(a);
      const { access_token } = person.tokens;
      const { secret } = await beginSetUp(a, mount, access_token);
      const authenticator = new Authenticator(secret, clock);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => {
          const code = authenticator.code((index % 3) - 1);
          return post(index % 2 === 0 ? a : b, `${mount}/verify-2fa-setup`, { code }).set(
            bearer(access_token),
          );
        }),
      );
      assertNoFault(answers);
      assert.equal(tally(answers)[200], 1);
      challengeOf(await person.begin(a));
    });

    test('of set-ups begun at once one can be confirmed, with its own backup codes', async () => {
      const person = await makePerson(a);
      const { access_token } = person.tokens;
      const begun = await Promise.all([a, b, a].map((app) => beginSetUp(app, mount, access_token)));
      clock.advance(30_000);
      const confirmed = [];
      for (const setUp of begun) {
        const code = new Authenticator(setUp.secret, clock).code();
        const answer = await post(a, `${mount}/verify-2fa-setup`, { code }).set(
          bearer(access_token),
        );
        if (answer.status === 200) confirmed.push(setUp);
      }
      assert.equal(confirmed.length, 1);
      const challenge_token = await challenge(b, person);
      const backup_code = confirmed[0]?.backup_codes[0];
      await verifyBackup(b, mount, { challenge_token, backup_code }).expect(200);
    });
  });
}

describe('a sign-in beside a change of the account', () => {
  const mount = '/api/auth';

  test('never ends in a session that the change should have ended', async () => {
    for (let round = 0; round < 8; round++) {
      const person = await protect({ app: a, mount, clock }, await makeAccount(a));
      const challenge_token = await challenge(a, person);
      const code = person.authenticator.next();
      const change = { current_password: PASSWORD, new_password: 'Small Giraffe 9 eats' };
      const [signedIn] = await Promise.all([
        sleep(Math.random() * 60).then(() => verify(b, mount, { challenge_token, code })),
        post(a, `${mount}/change-password`, change)
          .set(bearer(person.tokens.access_token))
          .expect(200),
      ]);
      if (signedIn.status !== 200) continue;
      await whoAmI(b, (signedIn.body as Tokens).access_token).expect(401);
    }
  });

  test('asks for the second factor as soon as it is on', async () => {
    for (let round = 0; round < 8; round++) {
      const person = await makeAccount(a);
      const { secret } = await beginSetUp(a, mount, person.tokens.access_token);
      const code = new Authenticator(secret, clock).next();
      const { access_token } = person.tokens;
      const [, ...logins] = await Promise.all([
        post(a, `${mount}/verify-2fa-setup`, { code }).set(bearer(access_token)).expect(200),
        ...nodes.map((node) =>
          sleep(Math.random() * 40).then(() => tryLogIn(node, person.account)),
        ),
      ]);
      for (const { status, body } of logins) {
        assert.equal(status, 200);
        const { access_token: opened } = body as Partial<Tokens>;
        // A session from before was ended by it.
        if (opened !== undefined) await whoAmI(b, opened).expect(401);
      }
      assert.equal(await countSessions(person.account.userId), 1);
    }
  });
});

describe('while a service is away', () => {
  const mount = '/api/auth';

  test('without Redis a second factor cannot be shown, nothing is lost, and the rest works on', async () => {
    const { REDIS_URL = '' } = await testEnvironment();
    const redis = await startProxy(REDIS_URL);
    const app = await startApp({ clock, env: { ...env, REDIS_URL: redis.url } });
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    const code = person.authenticator.next();
    redis.cut();
    assertProblem(await person.begin(app), UNAVAILABLE);
    assertProblem(await verify(app, mount, { challenge_token, code }), UNAVAILABLE);
    const { authenticator, tokens } = person;
    const disable = { password: PASSWORD, code: authenticator.code() };
    await post(app, `${mount}/disable-2fa`, disable).set(bearer(tokens.access_token)).expect(200);
    await assertUnprotected(app, person);
    redis.restore();
  });

  test('a code and a challenge that were not spent for want of PostgreSQL work afterwards', async () => {
    const postgres = await startProxy(await databaseUrl());
    const app = await startApp({ clock, env: { ...env, DATABASE_URL: postgres.url } });
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    const code = person.authenticator.next();
    postgres.cut();
    assertProblem(await verify(app, mount, { challenge_token, code }), UNAVAILABLE);
    assertProblem(await person.begin(app), UNAVAILABLE);
    postgres.restore();
    await verify(app, mount, { challenge_token, code }).expect(200);
  });
});
