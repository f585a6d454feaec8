import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { eventsOf, logIn, PASSWORD, REVOKED } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import {
  cookie,
  cookieIn,
  cookieLogIn,
  cookieMe,
  cookieSessionsOf,
  cookieSignUp,
  tryCookieLogIn,
} from './support/cookies.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { newResetToken } from './support/recovery.ts';
import { FrozenClock, SECOND_MS } from './support/rotation.ts';
import { Authenticator, beginSetUp, FEW_CODES, post } from './support/two-factor.ts';

const clock = new FrozenClock();
const a = await startApp({ clock, env: FEW_CODES });
const b = await startApp({ clock, env: FEW_CODES });
const NODES = [a, b];

async function assertDead(secret: string): Promise<void> {
  for (const node of NODES) assertProblem(await cookieMe(node, secret), REVOKED);
}

describe('a cookie session on the other surfaces', () => {
  type Holder = Awaited<ReturnType<typeof cookieSignUp>> & { token: string };

  async function makeHolder(app: TestApp = a): Promise<Holder> {
    const account = await cookieSignUp(app);
    return { ...account, token: (await logIn(app, account)).access_token };
  }

  const remove = (token: string, path: string, body: object = {}): Test =>
    a.request.delete(`/api/auth${path}`).set(bearer(token)).send(body);
  const send = (token: string, path: string, body: object = {}): Test =>
    post(a, `/api/auth${path}`, body).set(bearer(token));

  test('is in the list, by an id that is not the secret', async () => {
    const { token, userId } = await makeHolder();
    const answer = await a.request.get('/api/auth/sessions').set(bearer(token)).expect(200);
    const { sessions } = answer.body as { sessions: { id: string; kind: string }[] };
    const kinds = sessions.map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, ['account', 'cookie']);
    const [row] = await cookieSessionsOf(userId);
    assert.equal(sessions.find(({ kind }) => kind === 'cookie')?.id, row?.id);
  });

  const ENDS: Record<string, (holder: Holder) => Promise<unknown>> = {
    'one session': async ({ token, userId }) => {
      const [row] = await cookieSessionsOf(userId);
      await remove(token, `/sessions/${row?.id ?? ''}`).expect(204);
    },
    'all others': async ({ token }) => remove(token, '/sessions').expect(204),
    'all devices': async ({ token }) => send(token, '/logout-all-devices').expect(200),
    'a change of password': async ({ token }) => {
      const body = { current_password: PASSWORD, new_password: 'Small Zebra 9 sleeps' };
      await send(token, '/change-password', body).expect(200);
    },
    'the account': async ({ token }) => remove(token, '/me', { password: PASSWORD }).expect(204),
    'the second factor': async ({ token, ...account }) => {
      const { secret } = await beginSetUp(a, '/api/auth', token);
      const authenticator = new Authenticator(secret, clock);
      const code = authenticator.next();
      await send(token, '/verify-2fa-setup', { code }).expect(200);
      await assertDead(account.secret);
      const next = await cookieLogIn(a, account, { totp_code: authenticator.next() });
      const body = { password: PASSWORD, code: authenticator.next() };
      await send(token, '/disable-2fa', body).expect(200);
      await assertDead(next);
    },
    'a new password by mail': async ({ email }) => {
      const token = await newResetToken(a, email);
      const body = { token, new_password: 'Small Zebra 9 sleeps' };
      await post(a, '/api/auth/reset-password', body).expect(200);
    },
  };

  for (const [name, end] of Object.entries(ENDS)) {
    test(`ends with ${name}, on every node at once`, async () => {
      const holder = await makeHolder();
      for (const node of NODES) await cookieMe(node, holder.secret).expect(200);
      await end(holder);
      for (const node of NODES) {
        const answer = await cookieMe(node, holder.secret);
        // With its user its row is gone; a node that has not heard of its end yet finds none.
        const gone = name === 'the account' && answer.status === 401;
        if (!gone) assertProblem(answer, REVOKED);
      }
    });
  }

  test('counts for the limit of a role, but not the one that a login replaces', async () => {
    const capped = await startApp({ clock, env: { MAX_SESSIONS_RIDER: '2' } });
    const holder = await makeHolder(capped);
    clock.advance(SECOND_MS);
    const again = tryCookieLogIn(capped, holder).set(cookie(holder.secret));
    const replaced = cookieIn(await again.expect(200)).secret;
    await capped.request.get('/api/auth/me').set(bearer(holder.token)).expect(200);
    clock.advance(SECOND_MS);
    const third = await cookieLogIn(capped, holder);
    const old = await capped.request.get('/api/auth/me').set(bearer(holder.token));
    assertProblem(old, REVOKED);
    clock.advance(SECOND_MS);
    await logIn(capped, holder);
    assertProblem(await cookieMe(capped, replaced), REVOKED);
    await cookieMe(capped, third).expect(200);
    assert.ok((await eventsOf(holder.userId)).includes('session_evicted'));
  });
});
