import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventsOf, mailsTo, WRONG_CREDENTIALS, WRONG_PASSWORD } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { storesFor, type STORES } from './support/otp.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import {
  challenge,
  ENV,
  makeAccount,
  post,
  protect,
  SURFACES,
  verifyBackup,
  WRONG_CODE,
  type Person,
} from './support/two-factor.ts';

const clock = new FrozenClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock, env: ENV }),
  memory: await startApp({ clock, env: ENV, store: 'memory' }),
};
const places = SURFACES.flatMap((surface) =>
  storesFor(surface.mount).map((store) => ({ ...surface, store, app: apps[store] })),
);

for (const { app, mount, store, makePerson } of places) {
  const makeProtected = async () => protect({ app, mount, clock }, await makePerson(app));
  const remaining = async ({ tokens }: Person): Promise<number> => {
    const request = app.request.get(`${mount}/backup-codes`).set(bearer(tokens.access_token));
    return ((await request.expect(200)).body as { remaining: number }).remaining;
  };
  const regenerate = (token: string, proof: object) =>
    post(app, `${mount}/regenerate-backup-codes`, proof).set(bearer(token));

  describe(`${mount} on the ${store} store: a backup code`, () => {
    test('opens a session, once, and one fewer is left', async () => {
      const person = await makeProtected();
      const backup_code = person.backupCodes[3];
      const first = { challenge_token: await challenge(app, person), backup_code };
      const answer = await verifyBackup(app, mount, first).expect(200);
      assert.ok((answer.body as Tokens).access_token);
      assert.equal(await remaining(person), 9);
      const second = { challenge_token: await challenge(app, person), backup_code };
      assertProblem(await verifyBackup(app, mount, second), WRONG_CODE);
    });

    test('is taken as it was written down', async () => {
      const person = await makeProtected();
      const [first = '', second = ''] = person.backupCodes;
      for (const backup_code of [
        first.toLowerCase(),
        ` ${second.slice(0, 4)}-${second.slice(4)} `,
      ]) {
        const challenge_token = await challenge(app, person);
        await verifyBackup(app, mount, { challenge_token, backup_code }).expect(200);
      }
    });

    test('works once, though it is sent fifty times at once, to any challenge', async () => {
      const person = await makeProtected();
      const challenges: string[] = [];
      while (challenges.length < 3) challenges.push(await challenge(app, person));
      const backup_code = person.backupCodes[0];
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          verifyBackup(app, mount, { challenge_token: challenges[index % 3], backup_code }),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      assert.equal(statuses.filter((status) => status === 200).length, 1);
      for (const status of statuses) assert.ok([200, 401, 429].includes(status), String(status));
      assert.equal(await remaining(person), 9);
    });

    test('is void after new ones were made, which need what the person signs in with', async () => {
      const person = await makeProtected();
      const { access_token } = person.tokens;
      const answer = await regenerate(access_token, await person.prove(app)).expect(200);
      assert.equal(answer.get('cache-control'), 'no-store');
      const { backup_codes } = answer.body as { backup_codes: string[] };
      assert.equal(new Set([...backup_codes, ...person.backupCodes]).size, 20);
      assert.equal(await remaining(person), 10);
      const challenge_token = await challenge(app, person);
      const old = { challenge_token, backup_code: person.backupCodes[0] };
      assertProblem(await verifyBackup(app, mount, old), WRONG_CODE);
      const fresh = { challenge_token, backup_code: backup_codes[0] };
      await verifyBackup(app, mount, fresh).expect(200);
    });

    test('is not made anew without a second factor, and costs nobody a one-time code then', async () => {
      const person = await makePerson(app);
      const proof = await person.prove(app);
      const answer = await regenerate(person.tokens.access_token, proof);
      assertProblem(answer, { status: 409, code: 'two_factor_not_enabled' });
      await post(app, `${mount}/setup-2fa`, {}).set(bearer(person.tokens.access_token)).expect(200);
      const begun = await regenerate(person.tokens.access_token, proof);
      assertProblem(begun, { status: 409, code: 'two_factor_not_enabled' });
    });

    test('is one of a whole set, though several are made at once', async () => {
      const person = await makeProtected();
      const { access_token } = person.tokens;
      const proof = await person.prove(app);
      const answers = await Promise.all([1, 2, 3].map(() => regenerate(access_token, proof)));
      const sets = answers
        .filter(({ status }) => status === 200)
        .map(({ body }) => (body as { backup_codes: string[] }).backup_codes);
      assert.ok(sets.length > 0);
      assert.equal(await remaining(person), 10);
      let accepted = 0;
      for (const [backup_code] of sets) {
        const challenge_token = await challenge(app, person);
        const { status } = await verifyBackup(app, mount, { challenge_token, backup_code });
        if (status === 200) accepted++;
      }
      assert.equal(accepted, 1);
    });
  });
}

describe('the backup codes of an account', () => {
  const app = apps.redis;
  const mount = '/api/auth';

  test('are told of by e-mail, when one is used and when new ones are made', async () => {
    const { account, ...person } = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    const backup_code = person.backupCodes[0];
    await verifyBackup(app, mount, { challenge_token, backup_code }).expect(200);
    const proof = await person.prove(app);
    await post(app, `${mount}/regenerate-backup-codes`, proof)
      .set(bearer(person.tokens.access_token))
      .expect(200);
    const mails = (await mailsTo(app, account.email)).slice(-2);
    assert.deepEqual(
      mails.map(({ subject }) => subject),
      ['A backup code was used', 'You have new backup codes'],
    );
    assert.match(mails[0]?.body ?? '', /Codes left: 9/);
    for (const { body } of mails) {
      for (const code of person.backupCodes) assert.ok(!body.includes(code));
    }
    const events = await eventsOf(account.userId);
    assert.deepEqual(events.slice(-3), [
      'backup_code_used',
      'login_succeeded',
      'backup_codes_regenerated',
    ]);
  });

  test('are not made anew for a wrong password, which is on record', async () => {
    const { account, ...person } = await protect({ app, mount, clock }, await makeAccount(app));
    const wrong = { password: WRONG_PASSWORD };
    const path = `${mount}/regenerate-backup-codes`;
    assertProblem(
      await post(app, path, wrong).set(bearer(person.tokens.access_token)),
      WRONG_CREDENTIALS,
    );
    assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_change_failed');
  });
});
