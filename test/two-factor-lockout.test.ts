import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, mailsTo } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { STORES, tally } from './support/otp.ts';
import { assertProblem, retryAfter } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import {
  challenge,
  FEW_CODES,
  makeAccount,
  post,
  protect,
  SURFACES,
  verify,
  verifyBackup,
  WRONG_CODE,
  type Protected,
} from './support/two-factor.ts';

const LOCKED = { status: 429, code: 'too_many_attempts' };
const MAX_FAILURES = 5;
const LOCKOUT_MS = 15 * 60 * 1000;
const WRONG_BACKUP_CODE = 'AAAAAAAA';

for (const store of STORES) {
  for (const { mount, makePerson } of SURFACES) {
    const clock = new FrozenClock();
    const app = await startApp({ clock, store, env: FEW_CODES });
    const other = store === 'redis' ? await startApp({ clock, env: FEW_CODES }) : app;
    const makeProtected = async () => protect({ app, mount, clock }, await makePerson(app));

    /** Wrong codes, one after the other, the nodes in turns. */
    const fail = async (person: Protected, times: number): Promise<number[]> => {
      const challenge_token = await challenge(app, person);
      const statuses: number[] = [];
      while (statuses.length < times) {
        const node = statuses.length % 2 === 0 ? app : other;
        const code = person.authenticator.wrong();
        statuses.push((await verify(node, mount, { challenge_token, code })).status);
      }
      return statuses;
    };

    describe(`${mount} on the ${store} store: wrong codes`, () => {
      test('are refused after the fifth, on all nodes, the right one too', async () => {
        const person = await makeProtected();
        assert.deepEqual(await fail(person, MAX_FAILURES + 1), [401, 401, 401, 401, 401, 429]);
        const challenge_token = await challenge(app, person);
        const code = person.authenticator.next();
        for (const node of [app, other]) {
          const answer = await verify(node, mount, { challenge_token, code });
          assertProblem(answer, LOCKED);
          assert.ok(retryAfter(answer) <= LOCKOUT_MS / 1000);
        }
      });

      test('are forgotten a quarter of an hour after the last', async () => {
        const person = await makeProtected();
        await fail(person, MAX_FAILURES);
        clock.advance(LOCKOUT_MS - 1000);
        const early = { challenge_token: await challenge(app, person) };
        const code = person.authenticator.code();
        assertProblem(await verify(app, mount, { ...early, code }), LOCKED);
        clock.advance(1000);
        const late = { challenge_token: await challenge(app, person) };
        await verify(app, mount, { ...late, code: person.authenticator.code() }).expect(200);
      });

      test('are forgotten with the right one', async () => {
        const person = await makeProtected();
        for (let round = 0; round < 2; round++) {
          assert.deepEqual(await fail(person, MAX_FAILURES - 1), [401, 401, 401, 401]);
          const challenge_token = await challenge(app, person);
          const code = person.authenticator.next();
          await verify(app, mount, { challenge_token, code }).expect(200);
        }
      });

      test('are counted on, whatever the challenge', async () => {
        const person = await makeProtected();
        const statuses: number[] = [];
        for (let count = 0; count <= MAX_FAILURES; count++)
          statuses.push(...(await fail(person, 1)));
        assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
      });

      test('lock out that way alone: a backup code still lets in, and the first factor still asks', async () => {
        const person = await makeProtected();
        await fail(person, MAX_FAILURES);
        const challenge_token = await challenge(app, person);
        const backup_code = person.backupCodes[0];
        await verifyBackup(app, mount, { challenge_token, backup_code }).expect(200);
      });

      test('are no more for being backup codes', async () => {
        const person = await makeProtected();
        const challenge_token = await challenge(app, person);
        const statuses: number[] = [];
        while (statuses.length <= MAX_FAILURES) {
          const body = { challenge_token, backup_code: WRONG_BACKUP_CODE };
          statuses.push((await verifyBackup(app, mount, body)).status);
        }
        assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
        const right = { challenge_token, backup_code: person.backupCodes[0] };
        assertProblem(await verifyBackup(other, mount, right), LOCKED);
        const code = person.authenticator.next();
        await verify(app, mount, { challenge_token, code }).expect(200);
      });

      test('are no more answered at once than one after another', async () => {
        const person = await makeProtected();
        const challenges = [await challenge(app, person), await challenge(app, person)];
        const code = person.authenticator.wrong();
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) => {
            const challenge_token = challenges[index % 2];
            return verify(index % 3 === 0 ? app : other, mount, { challenge_token, code });
          }),
        );
        assert.deepEqual(tally(answers), { 401: MAX_FAILURES, 429: 40 - MAX_FAILURES });
      });
    });
  }
}

describe('who is locked out', () => {
  test('is told by e-mail, keeps the sessions there are, and it is on record once', async () => {
    const clock = new FrozenClock();
    const app = await startApp({ clock });
    const mount = '/api/auth';
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    for (let count = 0; count <= MAX_FAILURES; count++) {
      await verify(app, mount, { challenge_token, code: person.authenticator.wrong() });
    }
    const mails = await mailsTo(app, person.account.email);
    assert.equal(mails.at(-1)?.subject, 'Too many wrong codes for your account');
    const events = await eventsOf(person.account.userId);
    assert.equal(events.filter((event) => event === 'two_factor_locked').length, 1);
    assert.equal(events.filter((event) => event === 'two_factor_failed').length, MAX_FAILURES);
    await post(app, `${mount}/refresh`, { refresh_token: person.tokens.refresh_token }).expect(200);
  });

  test('does not learn from the refusal whether the code was right', async () => {
    const clock = new FrozenClock();
    const app = await startApp({ clock });
    const mount = '/api/auth';
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    const { authenticator } = person;
    for (let count = 0; count < MAX_FAILURES; count++) {
      const body = { challenge_token, code: authenticator.wrong() };
      assertProblem(await verify(app, mount, body), WRONG_CODE);
    }
    const wrong = await verify(app, mount, { challenge_token, code: authenticator.wrong() });
    const right = await verify(app, mount, { challenge_token, code: authenticator.next() });
    for (const answer of [wrong, right]) assertProblem(answer, LOCKED);
  });
});
