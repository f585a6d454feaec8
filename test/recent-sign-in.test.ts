import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Router } from 'express';
import type { Test } from 'supertest';
import type { Extension } from '../server/extension.ts';
import { accessOf, logIn, register, renew, REVOKED } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { FrozenClock } from './support/rotation.ts';
import { challenge, FEW_CODES, makeAccount, protect, verify } from './support/two-factor.ts';

const MAX_AGE_SECONDS = 300;
const TOO_OLD = {
  status: 401,
  code: 'insufficient_user_authentication',
  detail: 'Sign in again to do this',
};

/** What a team protects: where a driver is paid to. */
const payouts: Extension = ({ addRouter, verifyJwt, requireRecentSignIn }) => {
  const router = Router();
  router.use(verifyJwt, requireRecentSignIn(MAX_AGE_SECONDS));
  router.get('/', (_req, res) => {
    res.json({ isChanged: true });
  });
  addRouter('/payout-account', router);
};

const clock = new FrozenClock();
const app = await startApp({ clock, extensions: [payouts], env: FEW_CODES });

function change(token: string): Test {
  return app.request.get('/payout-account').set(bearer(token));
}

/** Of each surface: signs the same person in again. */
async function people(): Promise<Record<string, () => Promise<Tokens>>> {
  const [account, phoneNumber] = [await register(app), newPhoneNumber()];
  return {
    '/api/auth': () => logIn(app, account),
    '/api/v2/auth': () => signIn(app, { phoneNumber }),
  };
}

describe('a route for which a sign-in must be recent', () => {
  test('lets through who has just signed in, of every kind', async () => {
    for (const signInAgain of Object.values(await people())) {
      const { access_token } = await signInAgain();
      await change(access_token).expect(200);
      clock.advance(MAX_AGE_SECONDS * 1000);
      await change(access_token).expect(200);
    }
  });

  test('refuses an older session, however new its token is', async () => {
    for (const [mount, signInAgain] of Object.entries(await people())) {
      const { access_token, refresh_token } = await signInAgain();
      clock.advance((MAX_AGE_SECONDS + 1) * 1000);
      const answer = await change(access_token);
      assertProblem(answer, TOO_OLD);
      assert.equal(
        answer.get('www-authenticate'),
        'Bearer realm="medallion", error="insufficient_user_authentication", ' +
          'error_description="Sign in again to do this", max_age="300"',
      );
      const renewed = await renew(app, refresh_token, mount).expect(200);
      assertProblem(await change(accessOf(renewed)), TOO_OLD);
      await change((await signInAgain()).access_token).expect(200);
      assertProblem(await change(access_token), TOO_OLD);
    }
  });

  test('takes the second factor for a part of the sign-in', async () => {
    const mount = '/api/auth';
    const person = await protect({ app, mount, clock }, await makeAccount(app));
    const challenge_token = await challenge(app, person);
    clock.advance((MAX_AGE_SECONDS + 1) * 1000);
    assertProblem(await change(person.tokens.access_token), TOO_OLD);
    const code = person.authenticator.next();
    const answer = await verify(app, mount, { challenge_token, code }).expect(200);
    await change(accessOf(answer)).expect(200);
  });

  test('is closed to a session that has ended, and to one that is gone', async () => {
    const { access_token } = await signIn(app);
    await app.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
    assertProblem(await change(access_token), REVOKED);
    const { access_token: orphan, user } = await signIn(app);
    await query('DELETE FROM sessions WHERE user_id = $1', [user.id]);
    assertProblem(await change(orphan), TOO_OLD);
  });
});
