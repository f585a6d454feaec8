import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  eventsOf,
  mailsTo,
  REVOKED,
  whoAmI,
  WRONG_CREDENTIALS,
  WRONG_PASSWORD,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { storesFor, type STORES, tally } from './support/otp.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import { connect } from './support/socket.ts';
import {
  assertUnprotected,
  BAD_CHALLENGE,
  beginSetUp,
  challenge,
  FEW_CODES,
  makeAccount,
  post,
  protect,
  SURFACES,
  verify,
  WRONG_CODE,
} from './support/two-factor.ts';

const NOT_ENABLED = { status: 409, code: 'two_factor_not_enabled' };

const clock = new FrozenClock();
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ clock, env: FEW_CODES }),
  memory: await startApp({ clock, env: FEW_CODES, store: 'memory' }),
};
const other = await startApp({ clock, env: FEW_CODES });
const places = SURFACES.flatMap((surface) =>
  storesFor(surface.mount).map((store) => ({ ...surface, store, app: apps[store] })),
);

for (const { app, mount, store, makePerson } of places) {
  const makeProtected = async () => protect({ app, mount, clock }, await makePerson(app));
  const disable = (token: string, body: object) =>
    post(app, `${mount}/disable-2fa`, body).set(bearer(token));

  describe(`${mount} on the ${store} store: turning the second factor off`, () => {
    test('takes both what the person signs in with and a code', async () => {
      const person = await makeProtected();
      const { access_token } = person.tokens;
      const proof = await person.prove(app);
      const { authenticator } = person;
      for (const body of [proof, { code: authenticator.code() }, { ...proof, code: 1 }]) {
        const answer = await disable(access_token, body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
      const wrong = { ...proof, code: authenticator.wrong() };
      assertProblem(await disable(access_token, wrong), WRONG_CODE);
      const right = { ...proof, code: authenticator.next() };
      const answer = await disable(access_token, right).expect(200);
      assert.deepEqual(answer.body, { message: 'Two-factor sign-in is off' });
      await assertUnprotected(app, person);
    });

    test('takes a backup code in the place of the app', async () => {
      const person = await makeProtected();
      const body = { ...(await person.prove(app)), code: person.backupCodes.at(-1) };
      await disable(person.tokens.access_token, body).expect(200);
      await assertUnprotected(app, person);
    });

    test('forgets the secret and the codes, and voids the challenges', async () => {
      const person = await makeProtected();
      const { user, access_token } = person.tokens;
      const challenge_token = await challenge(app, person);
      const body = { ...(await person.prove(app)), code: person.authenticator.next() };
      await disable(access_token, body).expect(200);
      for (const table of ['totp', 'backup_codes']) {
        assert.deepEqual(await query(`SELECT 1 FROM ${table} WHERE user_id = $1`, [user.id]), []);
      }
      const answer = await app.request
        .get(`${mount}/backup-codes`)
        .set(bearer(access_token))
        .expect(200);
      assert.deepEqual(answer.body, { remaining: 0 });
      const late = { challenge_token, code: person.authenticator.next() };
      assertProblem(await verify(app, mount, late), WRONG_CODE);
      assertProblem(await disable(access_token, body), NOT_ENABLED);
    });

    test('ends the other sessions and their sockets', async () => {
      const person = await makeProtected();
      const challenge_token = await challenge(app, person);
      const code = person.authenticator.next();
      const signedIn = await verify(app, mount, { challenge_token, code }).expect(200);
      const lost = (signedIn.body as Tokens).access_token;
      const node = store === 'redis' ? other : app;
      const socket = await connect(node.url, lost);
      const body = { ...(await person.prove(app)), code: person.authenticator.next() };
      await disable(person.tokens.access_token, body).expect(200);
      assert.deepEqual(await socket.closed, { code: 4501, reason: 'credentials_changed' });
      assertProblem(await whoAmI(app, lost, mount), REVOKED);
      await whoAmI(app, person.tokens.access_token, mount).expect(200);
    });

    test('happens once, though it is asked for ten times at once', async () => {
      const person = await makeProtected();
      const body = { ...(await person.prove(app)), code: person.authenticator.next() };
      const { access_token } = person.tokens;
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => disable(access_token, body)),
      );
      const { 200: done, 500: faults = 0 } = tally(answers);
      assert.deepEqual([done, faults], [1, 0]);
    });

    test('can be followed by another set-up, with another secret', async () => {
      const person = await makeProtected();
      const body = { ...(await person.prove(app)), code: person.authenticator.next() };
      await disable(person.tokens.access_token, body).expect(200);
      const again = await protect({ app, mount, clock }, person);
      const challenge_token = await challenge(app, again);
      const code = person.authenticator.next();
      assertProblem(await verify(app, mount, { challenge_token, code }), WRONG_CODE);
      const right = { challenge_token, code: again.authenticator.code() };
      assert.equal((await verify(app, mount, right)).status, 200);
    });
  });
}

describe('turning off the second factor of an account', () => {
  const app = apps.redis;
  const mount = '/api/auth';

  test('is told to the owner by e-mail, and is on record', async () => {
    const { account, ...person } = await protect({ app, mount, clock }, await makeAccount(app));
    const body = { ...(await person.prove(app)), code: person.authenticator.next() };
    await post(app, `${mount}/disable-2fa`, body)
      .set(bearer(person.tokens.access_token))
      .expect(200);
    assert.equal((await mailsTo(app, account.email)).at(-1)?.subject, 'Two-factor sign-in is off');
    assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_disabled');
  });

  test('is refused for a wrong password, whatever the code', async () => {
    const { account, ...person } = await protect({ app, mount, clock }, await makeAccount(app));
    const code = person.authenticator.next();
    const wrong = { password: WRONG_PASSWORD, code };
    const path = `${mount}/disable-2fa`;
    assertProblem(
      await post(app, path, wrong).set(bearer(person.tokens.access_token)),
      WRONG_CREDENTIALS,
    );
    assert.equal((await eventsOf(account.userId)).at(-1), 'two_factor_change_failed');
    // The code was not spent on it.
    const right = { ...(await person.prove(app)), code };
    await post(app, path, right).set(bearer(person.tokens.access_token)).expect(200);
  });

  test('does not happen where only a set-up was begun', async () => {
    const person = await makeAccount(app);
    const { access_token } = person.tokens;
    await beginSetUp(app, mount, access_token);
    const body = { ...(await person.prove(app)), code: '123456' };
    assertProblem(
      await post(app, `${mount}/disable-2fa`, body).set(bearer(access_token)),
      NOT_ENABLED,
    );
  });
});

test('a challenge of a user who was deleted is void', async () => {
  const app = apps.redis;
  const mount = '/api/auth';
  const person = await protect({ app, mount, clock }, await makeAccount(app));
  const challenge_token = await challenge(app, person);
  const { access_token } = person.tokens;
  const proof = await person.prove(app);
  await app.request.delete(`${mount}/me`).set(bearer(access_token)).send(proof).expect(204);
  const body = { challenge_token, code: person.authenticator.next() };
  const answer = await verify(app, mount, body);
  assert.ok([BAD_CHALLENGE.code, WRONG_CODE.code].includes((answer.body as { code: string }).code));
});
