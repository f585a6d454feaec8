import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response, Test } from 'supertest';
import { logIn, register, type Account } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, sendCode, type Tokens } from './support/phone.ts';
import { newResetToken, reset } from './support/recovery.ts';
import { present, refreshClaims } from './support/rotation.ts';

const ROUNDS = 10;
/** Requests are begun at random within it: about as long as a password takes to check. */
const SPREAD_MS = 50;
const NEW_PASSWORD = 'Small Elephant 9 sleeps';

const env = { OTP_LIMIT_PER_NUMBER: '1000/60' };
const a = await startApp({ env });
const b = await startApp({ env });
const nodes = [a, b];

/** Somebody with an account, a phone and two sessions; a code for a third and a link for a new password are on their way. */
interface Person extends Account {
  userId: number;
  phoneNumber: string;
  code: string;
  resetToken: string;
  held: Tokens;
  other: Tokens;
}

async function newPerson(): Promise<Person> {
  const account = await register(a);
  const phoneNumber = newPhoneNumber();
  await query('UPDATE users SET phone_number = $2 WHERE id = $1', [account.userId, phoneNumber]);
  const [held, other] = await Promise.all([logIn(a, account), logIn(b, account)]);
  const resetToken = await newResetToken(a, account.email);
  return { ...account, phoneNumber, held, other, resetToken, code: await sendCode(a, phoneNumber) };
}

type Kind = 'login' | 'refresh' | 'phone';
type Pair = Pick<Tokens, 'access_token' | 'refresh_token'>;

interface Answer {
  kind: Kind;
  response: Response;
  answeredAt: number;
}

/** A way to end sessions, and what must become of those that there were. */
interface Ending {
  send: (node: TestApp, person: Person) => Test;
  /** What takes its time before the sessions end. */
  delayMs: number;
  status: number;
  /** Whether the session that asks ends as well. */
  endsHeld: boolean;
  /** Whether a password that was right before signs in afterwards. */
  allowsLogin: boolean;
}

const ENDINGS: Record<string, Ending> = {
  'logout-all-devices': {
    send: (node, { held }) =>
      node.request.post('/api/auth/logout-all-devices').set(bearer(held.access_token)),
    delayMs: 0,
    status: 200,
    endsHeld: true,
    allowsLogin: true,
  },
  'DELETE /me': {
    send: (node, { held, password }) =>
      node.request.delete('/api/auth/me').set(bearer(held.access_token)).send({ password }),
    delayMs: 0,
    status: 204,
    endsHeld: true,
    allowsLogin: false,
  },
  'change-password': {
    send: (node, { held, password }) =>
      node.request
        .post('/api/auth/change-password')
        .set(bearer(held.access_token))
        .send({ current_password: password, new_password: NEW_PASSWORD }),
    delayMs: 2 * SPREAD_MS,
    status: 200,
    endsHeld: false,
    allowsLogin: false,
  },
  'reset-password': {
    send: (node, { resetToken }) => reset(node, resetToken, { new_password: NEW_PASSWORD }),
    delayMs: 2 * SPREAD_MS,
    status: 200,
    endsHeld: true,
    allowsLogin: false,
  },
};

/** Signs in and refreshes in every way on both nodes, spread over a moment. */
function raceAll(person: Person, delayMs: number): Promise<Answer[]> {
  const { email, password, phoneNumber, code, other } = person;
  const login = (node: TestApp) => node.request.post('/api/auth/login').send({ email, password });
  const requests: [Kind, () => Test][] = [
    ...[a, b, a, b].map((node): [Kind, () => Test] => ['login', () => login(node)]),
    ['refresh', () => present(b, other.refresh_token)],
    ['refresh', () => present(a, other.refresh_token)],
    [
      'phone',
      () =>
        b.request.post('/api/v2/auth/verify-otp').send({ phone_number: phoneNumber, otp: code }),
    ],
  ];
  return Promise.all(
    requests.map(async ([kind, send]) => {
      await sleep(randomInt(SPREAD_MS) + (kind === 'login' ? delayMs / 2 : delayMs));
      const response = await send();
      return { kind, response, answeredAt: performance.now() };
    }),
  );
}

function pathOf(kind: Kind): string {
  return kind === 'phone' ? '/api/v2/auth' : '/api/auth';
}

/** By requests on both nodes, and by its refresh token; all of them must say the same. */
async function works(kind: Kind, { access_token, refresh_token }: Pair): Promise<boolean> {
  const path = pathOf(kind);
  const statuses: number[] = [];
  for (const node of nodes) {
    const answer = await node.request.get(`${path}/me`).set(bearer(access_token));
    statuses.push(answer.status);
  }
  statuses.push((await b.request.post(`${path}/refresh`).send({ refresh_token })).status);
  const [first = 0] = statuses;
  assert.deepEqual(statuses, [first, first, first]);
  assert.ok(first === 200 || first === 401);
  return first === 200;
}

/** Whether the session of a refresh token is there and has not ended. */
async function isLive({ refresh_token }: Pair): Promise<boolean> {
  const payload = refreshClaims(refresh_token);
  const [sessionId] = payload.jti.split('.');
  const rows = await query('SELECT 1 FROM sessions WHERE id = $1 AND ended_at IS NULL', [
    sessionId,
  ]);
  return rows.length > 0;
}

async function countContradictions(): Promise<unknown> {
  const [row] = await query(`
    SELECT (SELECT count(*)::int FROM sessions s JOIN revocations r ON r.session_id = s.id
            WHERE s.ended_at IS NULL) AS "revokedAndLive",
           (SELECT count(*)::int FROM sessions s WHERE s.ended_at IS NOT NULL AND NOT EXISTS
            (SELECT FROM revocations r WHERE r.session_id = s.id)) AS "endedAndNotRevoked",
           (SELECT count(*)::int FROM sessions s WHERE NOT EXISTS
            (SELECT FROM users u WHERE u.id = s.user_id)) AS "sessionsOfNobody",
           (SELECT count(*)::int FROM refresh_tokens t WHERE NOT EXISTS
            (SELECT FROM sessions s WHERE s.id = t.session_id)) AS "tokensOfNothing"`);
  return row;
}

async function assertNoContradictions(): Promise<void> {
  assert.deepEqual(await countContradictions(), {
    revokedAndLive: 0,
    endedAndNotRevoked: 0,
    sessionsOfNobody: 0,
    tokensOfNothing: 0,
  });
}

async function assertJudged(answer: Answer, ending: Ending, endingSentAt: number): Promise<void> {
  const { kind, response, answeredAt } = answer;
  assert.ok(response.status === 200 || response.status === 401, `${kind}: ${response.status}`);
  if (response.status !== 200) return;
  const pair = response.body as Pair;
  const live = await isLive(pair);
  assert.equal(await works(kind, pair), live, `a token of a ${kind} is judged by its session`);
  if (answeredAt < endingSentAt) assert.equal(live, false, `a ${kind} outlives what came later`);
  const mustBeDead = kind === 'refresh' || (kind === 'login' && !ending.allowsLogin);
  if (mustBeDead) assert.equal(live, false, `a ${kind} slipped through`);
}

/** Ends the sessions on one node while both sign in and refresh. */
async function playRound(ending: Ending, round: number): Promise<Person> {
  const person = await newPerson();
  const { held, other } = person;
  const racing = raceAll(person, ending.delayMs);
  await sleep(randomInt(3 * SPREAD_MS));
  const sentAt = performance.now();
  const ended = await ending.send(nodes[round % 2] ?? a, person);
  const answers = await racing;
  assert.equal(ended.status, ending.status);
  for (const answer of answers) await assertJudged(answer, ending, sentAt);
  assert.equal(answers.find(({ kind }) => kind === 'phone')?.response.status, 200);
  assert.equal(await works('login', other), false);
  assert.equal(await works('login', held), !ending.endsHeld);
  await assertNoContradictions();
  return person;
}

describe('signing in and refreshing on two nodes', { concurrency: true }, () => {
  for (const [name, ending] of Object.entries(ENDINGS)) {
    test(`at the same moment as ${name} leaves no token that should have ended`, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const person = await playRound(ending, round);
        if (name !== 'DELETE /me') continue;
        const left = await query('SELECT 1 FROM sessions WHERE user_id = $1', [person.userId]);
        assert.deepEqual(left, []);
      }
    });
  }
});
