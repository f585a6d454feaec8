import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import {
  BAD_REFRESH,
  INVALID_TOKEN,
  logIn,
  register,
  REVOKED,
  type Account,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { bearer, newPhoneNumber, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { TestClock } from './support/test-clock.ts';

const MINUTE_MS = 60_000;
/** Longer than an access token lives. */
const ACCESS_LIFE_MS = 16 * MINUTE_MS;
const NOT_FOUND = { status: 404, code: 'not_found' };

const clock = new TestClock();
const env = { OTP_LIMIT_PER_NUMBER: '100000/60' };
const a = await startApp({ clock, env });
const b = await startApp({ clock, env });

type Person = Account & { userId: number; phoneNumber: string };

/** Somebody who may sign in by e-mail and by phone. */
async function newPerson(): Promise<Person> {
  const account = await register(a);
  const phoneNumber = newPhoneNumber();
  await query('UPDATE users SET phone_number = $1 WHERE id = $2', [phoneNumber, account.userId]);
  return { ...account, phoneNumber };
}

/** Where sessions are seen and ended, and how one gets a token for it. */
const PLACES = [
  {
    prefix: '/api/v2/auth',
    open: ({ phoneNumber }: Person, device_name = 'Phone') =>
      signIn(a, { phoneNumber, role: 'rider', device_name }),
  },
  ...['/api/auth', '/auth/v2'].map((prefix) => ({
    prefix,
    open: (person: Person, device_name = 'Laptop') =>
      logIn(a, person, { mount: prefix, device_name }),
  })),
];

interface Listed extends Record<string, unknown> {
  id: string;
  last_seen_at: string;
}

interface Page {
  sessions: Listed[];
  next_cursor: string | null;
}

function sessionOf(token: string): string {
  return String(decodePart(token, 'payload').jti).split('.')[0] ?? '';
}

for (const { prefix, open } of PLACES) {
  const me = (token: string, node: TestApp = a): Test =>
    node.request.get(`${prefix}/me`).set(bearer(token));
  const renew = (refresh_token: string): Test =>
    a.request.post(`${prefix}/refresh`).send({ refresh_token });
  const logOut = (token: string | null, body = {}): Test =>
    a.request
      .post(`${prefix}/logout`)
      .set(token === null ? {} : bearer(token))
      .send(body);
  const end = (id: string, token: string): Test =>
    a.request.delete(`${prefix}/sessions/${id}`).set(bearer(token));
  const endOthers = (token: string): Test =>
    a.request.delete(`${prefix}/sessions`).set(bearer(token));
  const list = async (token: string, parameters = {}): Promise<Page> => {
    const answer = await a.request
      .get(`${prefix}/sessions`)
      .query(parameters)
      .set(bearer(token))
      .expect(200);
    return answer.body as Page;
  };
  const assertDead = async ({ access_token, refresh_token }: Tokens): Promise<void> => {
    for (const node of [a, b]) assertProblem(await me(access_token, node), REVOKED);
    assertProblem(await renew(refresh_token), BAD_REFRESH);
  };
  const assertAlive = async (token: string): Promise<void> => {
    for (const node of [a, b]) await me(token, node).expect(200);
  };

  describe(`the devices at ${prefix}/sessions`, () => {
    test('are listed whatever kind they are, the newest first, with all that is known', async () => {
      const person = await newPerson();
      await query(
        `INSERT INTO sessions (id, cookie_hash, user_id, kind, role, device_name, ip, created_at, last_seen_at, expires_at)
         VALUES (md5($2), md5($2), $1, 'cookie', 'rider', 'Browser', '2001:db8::1', $3, $3, $4)`,
        [person.userId, person.email, ...[0, MINUTE_MS].map((ms) => new Date(clock.now() + ms))],
      );
      clock.advance(1000);
      await signIn(a, { phoneNumber: person.phoneNumber, role: 'driver', device_name: 'Taxi' });
      clock.advance(1000);
      await logIn(a, person, { device_name: 'Laptop' });
      clock.advance(1000);
      const { access_token } = await open(person, 'This one');
      const { sessions, next_cursor } = await list(access_token);
      assert.equal(next_cursor, null);
      const kind = prefix === '/api/v2/auth' ? 'phone' : 'account';
      assert.deepEqual(
        sessions.map((each) => [each.kind, each.role, each.device_name, each.ip, each.is_current]),
        [
          [kind, 'rider', 'This one', '127.0.0.1', true],
          ['account', 'rider', 'Laptop', '127.0.0.1', false],
          ['phone', 'driver', 'Taxi', '127.0.0.1', false],
          ['cookie', 'rider', 'Browser', '2001:db8::1', false],
        ],
      );
      assert.equal(sessions[0]?.id, sessionOf(access_token));
    });

    test('show the user agent and the times of each', async () => {
      const person = await newPerson();
      const before = clock.now();
      const { body } = (await a.request
        .post('/api/auth/login')
        .set('user-agent', 'Curious/7.1 (test)')
        .send({ email: person.email, password: person.password })
        .expect(200)) as { body: Tokens };
      const { access_token } = await open(person);
      const { sessions } = await list(access_token);
      const listed = sessions.find(({ id }) => id === sessionOf(body.access_token));
      assert.equal(listed?.user_agent, 'Curious/7.1 (test)');
      assert.equal(listed.last_seen_at, listed.created_at);
      const created = Date.parse(String(listed.created_at));
      assert.ok(created >= before && created <= clock.now());
      assert.ok(Date.parse(String(listed.expires_at)) > clock.now());
    });

    test('move their last_seen_at at a refresh, each its own', async () => {
      const person = await newPerson();
      const [used, idle] = [await open(person), await open(person)];
      const seenAt = async (token: string): Promise<number> => {
        const { sessions } = await list(idle.access_token);
        const listed = sessions.find(({ id }) => id === sessionOf(token));
        return Date.parse(listed?.last_seen_at ?? '');
      };
      const before = [await seenAt(used.access_token), await seenAt(idle.access_token)];
      clock.advance(5 * MINUTE_MS);
      await renew(used.refresh_token).expect(200);
      assert.ok((await seenAt(used.access_token)) >= (before[0] ?? 0) + 5 * MINUTE_MS);
      assert.equal(await seenAt(idle.access_token), before[1]);
    });

    test('come page by page, none twice and none left out', async () => {
      const person = await newPerson();
      const tokens: string[] = [];
      while (tokens.length < 5) {
        tokens.push((await open(person)).access_token);
        clock.advance(1000);
      }
      const [newest = ''] = tokens.slice(-1);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Page = await list(newest, { limit: 2, ...(cursor && { cursor }) });
        assert.ok(page.sessions.length <= 2);
        seen.push(...page.sessions.map(({ id }) => id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      assert.deepEqual(seen, tokens.map(sessionOf).reverse());
    });

    test('end one by one: its socket with 4500, its tokens on both nodes, and no other', async () => {
      const person = await newPerson();
      const [lost, kept] = [await open(person), await open(person)];
      const sockets = await Promise.all([a, b].map(({ url }) => connect(url, lost.access_token)));
      const keptSocket = await connect(b.url, kept.access_token);
      const answer = await end(sessionOf(lost.access_token), kept.access_token).expect(204);
      assert.equal(answer.text, '');
      for (const socket of sockets) {
        assert.deepEqual(await socket.closed, { code: 4500, reason: 'session_revoked' });
      }
      await assertDead(lost);
      await assertAlive(kept.access_token);
      await assertLives(keptSocket);
      assertProblem(await end(sessionOf(lost.access_token), kept.access_token), NOT_FOUND);
    });

    test('end though they are of another kind', async () => {
      const person = await newPerson();
      const { access_token } = await open(person);
      const taxi = await signIn(a, { phoneNumber: person.phoneNumber, role: 'driver' });
      for (const lost of [taxi, await logIn(a, person)]) {
        const socket = await connect(b.url, lost.access_token);
        await end(sessionOf(lost.access_token), access_token).expect(204);
        assert.equal((await socket.closed).code, 4500);
      }
    });

    test('of other people, and such as never were, cannot be found', async () => {
      const [mine, theirs] = [await open(await newPerson()), await open(await newPerson())];
      for (const id of [sessionOf(theirs.access_token), 'A'.repeat(22), 'x', '%00']) {
        assertProblem(await end(id, mine.access_token), NOT_FOUND);
      }
      await assertAlive(theirs.access_token);
    });

    test('that have expired are not listed', async () => {
      const person = await newPerson();
      const [old, mine] = [await open(person), await open(person)];
      const past =
        "UPDATE sessions SET created_at = '2001-01-01', expires_at = '2001-01-08' WHERE id = $1";
      await query(past, [sessionOf(old.access_token)]);
      assert.equal((await list(mine.access_token)).sessions.length, 1);
    });

    test('all end but the one that asks', async () => {
      const person = await newPerson();
      const others = [await open(person), await open(person)];
      const taxi = await signIn(a, { phoneNumber: person.phoneNumber, role: 'driver' });
      const mine = await open(person);
      const stranger = await open(await newPerson());
      const mySocket = await connect(b.url, mine.access_token);
      const sockets = await Promise.all(
        [...others, taxi].map(({ access_token }) => connect(b.url, access_token)),
      );
      await endOthers(mine.access_token).expect(204);
      for (const socket of sockets) {
        assert.deepEqual(await socket.closed, { code: 4500, reason: 'session_revoked' });
      }
      for (const other of others) await assertDead(other);
      await assertLives(mySocket);
      await assertAlive(mine.access_token);
      await assertAlive(stranger.access_token);
      await endOthers(mine.access_token).expect(204);
      await renew(mine.refresh_token).expect(200);
    });

    test('all end with logout-all-devices, their sockets with 4501', async () => {
      const person = await newPerson();
      const [one, other] = [await open(person), await open(person)];
      const taxi = await signIn(a, { phoneNumber: person.phoneNumber, role: 'driver' });
      const sockets = await Promise.all(
        [one, other, taxi].map(({ access_token }) => connect(b.url, access_token)),
      );
      const everywhere = () =>
        a.request.post(`${prefix}/logout-all-devices`).set(bearer(one.access_token));
      await everywhere().expect(200, { message: 'Logged out of all devices' });
      for (const socket of sockets) {
        assert.deepEqual(await socket.closed, { code: 4501, reason: 'logout_all' });
      }
      for (const each of [one, other]) await assertDead(each);
      assertProblem(await everywhere(), REVOKED);
    });

    test('cannot be asked about without a token', async () => {
      for (const answer of [
        await a.request.get(`${prefix}/sessions`),
        await a.request.delete(`${prefix}/sessions`),
        await end('A'.repeat(22), 'rubbish'),
        await logOut(null),
      ]) {
        assertProblem(answer, INVALID_TOKEN);
      }
    });
  });

  describe(`${prefix}/logout`, () => {
    test('ends the session once, whatever other refresh token is sent along', async () => {
      const person = await newPerson();
      const [mine, other] = [await open(person), await open(person)];
      const socket = await connect(b.url, mine.access_token);
      await logOut(mine.access_token, { refresh_token: other.refresh_token }).expect(200, {
        message: 'Logged out',
      });
      assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
      await assertDead(mine);
      await assertAlive(other.access_token);
      await renew(other.refresh_token).expect(200);
      assertProblem(await logOut(mine.access_token), REVOKED);
      assertProblem(await logOut(null, { refresh_token: mine.refresh_token }), BAD_REFRESH);
    });

    test('needs only the refresh token once the access token has expired', async () => {
      const person = await newPerson();
      const { access_token, refresh_token } = await open(person);
      clock.advance(ACCESS_LIFE_MS);
      assertProblem(await logOut(access_token), INVALID_TOKEN);
      await logOut(access_token, { refresh_token }).expect(200);
      assertProblem(await renew(refresh_token), BAD_REFRESH);
    });
  });
}
