import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { eventsOf, INVALID_TOKEN, REVOKED } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import {
  cookie,
  cookieIn,
  cookieLogIn,
  cookieLogOut,
  cookieMe,
  COOKIES,
  cookieSessionsOf,
  cookieSignUp,
} from './support/cookies.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { assertProblem } from './support/problem.ts';
import { DAY_MS, FrozenClock, SECOND_MS } from './support/rotation.ts';

const clock = new FrozenClock();
const a = await startApp({ clock });
const b = await startApp({ clock });
const NODES = [a, b];
const ORIGIN_REFUSED = { status: 403, code: 'origin_not_allowed' };

async function assertDead(secret: string): Promise<void> {
  for (const node of NODES) assertProblem(await cookieMe(node, secret), REVOKED);
}

describe(`${COOKIES}/me`, () => {
  test('refuses a cookie that is missing, broken or unknown', async () => {
    const { secret } = await cookieSignUp(a);
    for (const header of [
      '',
      'session_id',
      'session_id=',
      'session_id=%E0%A4%A',
      `session_id=${'A'.repeat(43)}`,
      `session_id=${secret.slice(1)}`,
      `session_id=${secret}x`,
      `session_id=${'x'.repeat(12_000)}`,
      `Session_Id=${secret}`,
      `other=${secret}`,
      '__proto__=x; constructor=y',
      ';;;===;',
    ]) {
      const request = a.request.get(`${COOKIES}/me`).set('cookie', header);
      assertProblem(await request, INVALID_TOKEN);
    }
    assertProblem(await a.request.get(`${COOKIES}/me`), INVALID_TOKEN);
  });

  test('finds its cookie among others, and takes the first of several', async () => {
    const { secret, userId } = await cookieSignUp(a);
    const planted = 'B'.repeat(43);
    const ask = (header: string) => a.request.get(`${COOKIES}/me`).set('cookie', header);
    for (const header of [
      `theme=dark; session_id=${secret}; lang=en`,
      `session_id="${secret}"`.replaceAll('"', ''),
      `session_id=${secret}; session_id=${planted}`,
    ]) {
      const answer = await ask(header).expect(200);
      assert.equal((answer.body as { id: number }).id, userId);
    }
    assertProblem(await ask(`session_id=${planted}; session_id=${secret}`), INVALID_TOKEN);
  });

  test('refuses a user who was disabled, suspended or deleted', async () => {
    const { secret, userId } = await cookieSignUp(a);
    for (const change of [
      'is_active = false',
      "is_active = true, suspended_until = '2999-01-01'",
    ]) {
      await query(`UPDATE users SET ${change} WHERE id = $1`, [userId]);
      assertProblem(await cookieMe(a, secret), REVOKED);
    }
    await query('DELETE FROM users WHERE id = $1', [userId]);
    assertProblem(await cookieMe(a, secret), INVALID_TOKEN);
  });
});

describe(`${COOKIES}/logout`, () => {
  test('ends the session on every node and clears the cookie', async () => {
    const { secret, userId } = await cookieSignUp(a);
    const answer = await cookieLogOut(a, secret).expect(204);
    const cleared = cookieIn(answer);
    assert.equal(cleared.secret, '');
    assert.deepEqual(cleared.attributes.toSorted(), [
      'Expires=Thu, 01 Jan 1970 00:00:00 GMT',
      'HttpOnly',
      'Path=/api/v1',
      'SameSite=Lax',
    ]);
    await assertDead(secret);
    assert.equal((await eventsOf(userId)).at(-1), 'logout');
    const rows = await query('SELECT reason FROM revocations WHERE user_id = $1', [userId]);
    assert.deepEqual(rows, [{ reason: 'logout' }]);
  });

  test('answers 204 and clears the cookie where there is nothing to end', async () => {
    const { secret } = await cookieSignUp(a);
    await cookieLogOut(a, secret).expect(204);
    for (const header of [
      `session_id=${secret}`,
      'session_id=x',
      `session_id=${'A'.repeat(43)}`,
      '',
    ]) {
      const answer = await a.request.post(`${COOKIES}/logout`).set('cookie', header).expect(204);
      assert.equal(cookieIn(answer).secret, '');
    }
  });

  test('many times at once ends it once, and whoever asks beside it is answered cleanly', async () => {
    const { secret, userId } = await cookieSignUp(a);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => {
        const node = NODES[index % 2] ?? a;
        return index % 4 < 2 ? cookieLogOut(node, secret) : cookieMe(node, secret);
      }),
    );
    for (const { status } of answers) assert.ok([200, 204, 401].includes(status), `${status}`);
    await assertDead(secret);
    assert.equal((await eventsOf(userId)).filter((each) => each === 'logout').length, 1);
  });

  test('leaves the other sessions alone', async () => {
    const { secret, ...account } = await cookieSignUp(a);
    const other = await cookieLogIn(a, account);
    await cookieLogOut(a, secret).expect(204);
    await cookieMe(b, other).expect(200);
  });
});

describe('a page of another site', () => {
  const ask = (path: string, headers: Record<string, string>): Test =>
    a.request.post(`${COOKIES}/${path}`).set(headers).send({});

  test('changes nothing', async () => {
    const { secret } = await cookieSignUp(a);
    for (const path of ['login', 'logout', 'register']) {
      for (const headers of [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'cross-site', origin: 'http://localhost:5173' },
      ]) {
        const answer = await ask(path, { ...headers, ...cookie(secret) });
        assertProblem(answer, ORIGIN_REFUSED);
        assert.equal(answer.get('set-cookie'), undefined);
      }
    }
    await cookieMe(a, secret).set('sec-fetch-site', 'cross-site').expect(200);
  });

  test('of the same site or origin may', async () => {
    for (const site of ['same-origin', 'same-site', 'none']) {
      const { secret } = await cookieSignUp(a);
      const headers = { origin: 'http://localhost:5173', 'sec-fetch-site': site };
      await ask('logout', { ...headers, ...cookie(secret) }).expect(204);
      await assertDead(secret);
    }
  });
});

describe('the limits of a cookie session', () => {
  const MINUTE_MS = 60 * SECOND_MS;
  const IDLE_MS = DAY_MS;

  async function expiryOf(userId: number): Promise<number> {
    return (await cookieSessionsOf(userId))[0]?.expires_at.getTime() ?? NaN;
  }

  test('is a day without use', async () => {
    const { secret, userId } = await cookieSignUp(a);
    assert.equal(await expiryOf(userId), clock.now() + IDLE_MS);
    clock.advance(IDLE_MS - 1);
    await cookieMe(a, secret).expect(200);
    const renewed = clock.now() + IDLE_MS;
    await eventually('the use is noted', async () => (await expiryOf(userId)) === renewed);
    clock.advance(IDLE_MS - 1);
    await cookieMe(a, secret).expect(200);
    await eventually('the use is noted', async () => (await expiryOf(userId)) > renewed);
    clock.advance(IDLE_MS);
    for (const node of NODES) assertProblem(await cookieMe(node, secret), INVALID_TOKEN);
    await cookieLogOut(a, secret).expect(204);
    assert.ok(!(await eventsOf(userId)).includes('logout'));
  });

  test('is seven days from the sign-in, however often it is used', async () => {
    const { secret, userId } = await cookieSignUp(a);
    const end = clock.now() + 7 * DAY_MS;
    while (clock.now() + IDLE_MS / 2 < end) {
      clock.advance(IDLE_MS / 2);
      await cookieMe(a, secret).expect(200);
      const expected = Math.min(clock.now() + IDLE_MS, end);
      await eventually('the use is noted', async () => (await expiryOf(userId)) === expected);
    }
    clock.advance(end - clock.now() - 1);
    await cookieMe(a, secret).expect(200);
    clock.advance(1);
    assertProblem(await cookieMe(a, secret), INVALID_TOKEN);
  });

  test('are noted at most once a minute', async () => {
    const { secret, userId } = await cookieSignUp(a);
    const first = await expiryOf(userId);
    clock.advance(MINUTE_MS - 1);
    for (const node of NODES) await cookieMe(node, secret).expect(200);
    assert.equal(await expiryOf(userId), first);
    clock.advance(1);
    await Promise.all(Array.from({ length: 10 }, () => cookieMe(a, secret).expect(200)));
    await eventually('the use is noted', async () => (await expiryOf(userId)) > first);
  });

  test('revive no session that is ended while it is used', async () => {
    const { secret, userId } = await cookieSignUp(a);
    clock.advance(MINUTE_MS);
    await Promise.all([cookieMe(a, secret), cookieLogOut(b, secret), cookieMe(b, secret)]);
    await assertDead(secret);
    assert.equal((await cookieSessionsOf(userId))[0]?.end_reason, 'logout');
  });
});
