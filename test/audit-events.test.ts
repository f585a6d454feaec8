import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { pino } from 'pino';
import type { Test } from 'supertest';
import { AUDIT_EVENTS, type AuditEventType } from '../server/audit.ts';
import {
  failLogins,
  logIn,
  newAccount,
  PASSWORD,
  register,
  WRONG_PASSWORD,
  type Account,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { sessionOf, type Provoke, type Scene } from './support/audit-scene.ts';
import { cookie, cookieLogIn, cookieSessionsOf, tryCookieLogIn } from './support/cookies.ts';
import { query } from './support/database.ts';
import { failTimes } from './support/otp.ts';
import {
  bearer,
  newPhoneNumber,
  sendCode,
  signIn,
  wrongCode,
  type Tokens,
} from './support/phone.ts';
import { provokeRecovery } from './support/recovery-events.ts';
import { provokeStaff } from './support/staff-events.ts';
import { FrozenClock } from './support/rotation.ts';
import { provokeTwoFactor } from './support/two-factor-events.ts';

const NEW_PASSWORD = 'Small Zebra 9 sleeps';
/** What pino calls the level of a line. */
const LEVELS = { info: 30, warning: 40, error: 50, critical: 50 };

interface Line extends Record<string, unknown> {
  audit?: string;
  level: number;
}

const lines: Line[] = [];
const write = (text: string) => void lines.push(JSON.parse(text) as Line);
const log = pino({ level: 'trace' }, { write });
const env = { OTP_LIMIT_PER_NUMBER: '100000/60', MAX_SESSIONS_DRIVER: '1' };
const clock = new FrozenClock();
const app = await startApp({ log, env, clock });
const strict = await startApp({ log, env: { ...env, SESSION_LIMIT_POLICY: 'refuse' } });

const post = (path: string, body: object = {}, node: TestApp = app) =>
  node.request.post(path).send(body);

function verifyCode(phoneNumber: string, otp: string, node = app): Test {
  return post('/api/v2/auth/verify-otp', { phone_number: phoneNumber, otp, role: 'driver' }, node);
}

const logInBody = ({ email, password }: Account) => ({ email, password });

/** One way to each event; `user_imported` is the import's own. */
const PROVOKE: Record<Exclude<AuditEventType, 'user_imported'>, Provoke> = {
  user_registered: async ({ mark }) => {
    const answer = await mark(post('/api/auth/register', newAccount())).expect(201);
    return { userId: (answer.body as { user_id: number }).user_id, sessionId: null };
  },
  login_succeeded: async ({ person, mark }) => {
    const body: unknown = (await mark(post('/api/auth/login', logInBody(person))).expect(200)).body;
    return { userId: person.userId, sessionId: sessionOf(body as Tokens) };
  },
  login_failed: async ({ person, mark }) => {
    const { email } = person;
    await mark(post('/api/auth/login', { email, password: WRONG_PASSWORD })).expect(401);
    return { userId: person.userId, sessionId: null };
  },
  login_refused: async ({ person, mark }) => {
    await query('UPDATE users SET is_active = false WHERE id = $1', [person.userId]);
    await mark(post('/auth/v2/login', logInBody(person))).expect(403);
    return { userId: person.userId, sessionId: null };
  },
  account_locked: async ({ person, mark }) => {
    const { email } = person;
    await failLogins(app, email, { times: 4 });
    await mark(post('/api/auth/login', { email, password: WRONG_PASSWORD })).expect(401);
    return { userId: person.userId, sessionId: null };
  },
  one_time_code_failed: async ({ person, mark }) => {
    const { phoneNumber } = person;
    const code = await sendCode(app, phoneNumber);
    await mark(verifyCode(phoneNumber, wrongCode(code))).expect(401);
    return { userId: person.userId, sessionId: null };
  },
  phone_number_locked: async ({ person, mark }) => {
    const { phoneNumber } = person;
    const code = await sendCode(app, phoneNumber);
    await failTimes(app, phoneNumber, 2);
    await mark(verifyCode(phoneNumber, wrongCode(code))).expect(429);
    return { userId: person.userId, sessionId: null };
  },
  new_device_login: async ({ person, mark }) => {
    await logIn(app, person, { deviceId: 'the-first' });
    const body: unknown = (await mark(post('/api/auth/login', logInBody(person))).expect(200)).body;
    return { userId: person.userId, sessionId: sessionOf(body as Tokens) };
  },
  role_added: async ({ person, mark }) => {
    const { phoneNumber, userId } = person;
    const code = await sendCode(app, phoneNumber);
    const body: unknown = (await mark(verifyCode(phoneNumber, code)).expect(200)).body;
    return { userId, sessionId: sessionOf(body as Tokens) };
  },
  session_limit_reached: async ({ person, mark }) => {
    const { phoneNumber, userId } = person;
    await signIn(app, { phoneNumber, role: 'driver' });
    const code = await sendCode(strict, phoneNumber);
    await mark(verifyCode(phoneNumber, code, strict)).expect(409);
    return { userId, sessionId: null };
  },
  session_evicted: async ({ person, mark }) => {
    const { phoneNumber, userId } = person;
    const evicted = await signIn(app, { phoneNumber, role: 'driver' });
    await mark(verifyCode(phoneNumber, await sendCode(app, phoneNumber))).expect(200);
    return { userId, sessionId: sessionOf(evicted) };
  },
  session_replaced: async ({ person, mark }) => {
    const secret = await cookieLogIn(app, person);
    const [replaced] = await cookieSessionsOf(person.userId);
    await mark(tryCookieLogIn(app, person).set(cookie(secret))).expect(200);
    return { userId: person.userId, sessionId: replaced?.id ?? '' };
  },
  refresh_reply_repeated: async ({ person, mark }) => {
    const tokens = await logIn(app, person);
    const { refresh_token } = tokens;
    await mark(post('/api/auth/refresh', { refresh_token }))
      .set('x-request-id', 'the-first')
      .expect(200);
    await mark(post('/api/auth/refresh', { refresh_token })).expect(200);
    return { userId: person.userId, sessionId: sessionOf(tokens) };
  },
  token_reuse_detected: async ({ person, mark }) => {
    const tokens = await logIn(app, person);
    const { refresh_token } = tokens;
    await post('/api/auth/refresh', { refresh_token }).expect(200);
    await mark(post('/api/auth/refresh', { refresh_token })).expect(401);
    return { userId: person.userId, sessionId: sessionOf(tokens) };
  },
  logout: async ({ person, mark }) => {
    const tokens = await logIn(app, person);
    await mark(post('/api/auth/logout').set(bearer(tokens.access_token))).expect(200);
    return { userId: person.userId, sessionId: sessionOf(tokens) };
  },
  logout_all: async ({ person, mark }) => {
    const { access_token } = await logIn(app, person);
    await mark(post('/api/auth/logout-all-devices').set(bearer(access_token))).expect(200);
    return { userId: person.userId, sessionId: null };
  },
  session_revoked: async ({ person, mark }) => {
    const [{ access_token }, lost] = [await logIn(app, person), await logIn(app, person)];
    const path = `/api/auth/sessions/${sessionOf(lost)}`;
    await mark(app.request.delete(path).set(bearer(access_token))).expect(204);
    return { userId: person.userId, sessionId: sessionOf(lost) };
  },
  other_sessions_revoked: async ({ person, mark }) => {
    const [{ access_token }] = [await logIn(app, person), await logIn(app, person)];
    await mark(app.request.delete('/api/auth/sessions').set(bearer(access_token))).expect(204);
    return { userId: person.userId, sessionId: null };
  },
  password_changed: async ({ person, mark }) => {
    const tokens = await logIn(app, person);
    await mark(changePassword(tokens.access_token, PASSWORD)).expect(200);
    return { userId: person.userId, sessionId: sessionOf(tokens) };
  },
  password_change_failed: async ({ person, mark }) => {
    const { access_token } = await logIn(app, person);
    await mark(changePassword(access_token, WRONG_PASSWORD)).expect(401);
    return { userId: person.userId, sessionId: null };
  },
  ...provokeRecovery(app),
  password_hash_upgraded: async ({ person, mark }) => {
    const { password, userId } = person;
    const hash = pbkdf2Sync(password, 'salt', 480_000, 32, 'sha256').toString('base64');
    await query('UPDATE users SET password_hash = $2 WHERE id = $1', [
      userId,
      `pbkdf2_sha256$480000$salt$${hash}`,
    ]);
    await mark(post('/api/auth/login', logInBody(person))).expect(200);
    return { userId, sessionId: null };
  },
  ...provokeTwoFactor({ app, clock }),
  ...provokeStaff(app),
  account_deletion_failed: async ({ person, mark }) => {
    const { access_token } = await logIn(app, person);
    await mark(deleteAccount(access_token, WRONG_PASSWORD)).expect(401);
    return { userId: person.userId, sessionId: null };
  },
  account_deleted: async ({ person, mark }) => {
    const { access_token } = await logIn(app, person);
    await mark(deleteAccount(access_token, PASSWORD)).expect(204);
    return { userId: person.userId, sessionId: null };
  },
};

function changePassword(token: string, current_password: string): Test {
  const body = { current_password, new_password: NEW_PASSWORD };
  return post('/api/auth/change-password', body).set(bearer(token));
}

function deleteAccount(token: string, password: string): Test {
  return app.request.delete('/api/auth/me').set(bearer(token)).send({ password });
}

async function newScene(requestId: string): Promise<Scene> {
  const account = await register(app);
  const phoneNumber = newPhoneNumber();
  await query('UPDATE users SET phone_number = $1 WHERE id = $2', [phoneNumber, account.userId]);
  const headers = {
    'x-request-id': requestId,
    'x-device-id': 'device-of-the-event',
    'user-agent': 'Audited/1.0',
  };
  const mark = (request: Test) => request.set(headers);
  return { person: { ...account, phoneNumber }, mark };
}

interface Row extends Record<string, unknown> {
  details: Record<string, unknown>;
}

function readRows(type: string, requestId: string): Promise<Row[]> {
  return query<Row>(
    `SELECT severity, user_id, session_id, host(ip) AS ip, user_agent, device_id, request_id, details
     FROM audit_log WHERE event_type = $1 AND request_id = $2`,
    [type, requestId],
  );
}

/** What must never be on record: what the person knows or holds, and where they are reached. */
function assertTellsNoSecret(record: unknown, { person }: Scene): void {
  const text = JSON.stringify(record);
  const { email, username, phoneNumber } = person;
  const secrets = [
    PASSWORD,
    WRONG_PASSWORD,
    NEW_PASSWORD,
    email,
    username,
    phoneNumber,
    'eyJhbGci',
  ];
  for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} is in ${text}`);
  assert.doesNotMatch(text, /\$argon2|pbkdf2_|"\d{6}"/);
}

test('at least twenty kinds of event are known, each with its severity', () => {
  assert.ok(Object.keys(AUDIT_EVENTS).length >= 20);
  const severities = new Set<string>(Object.values(AUDIT_EVENTS));
  assert.deepEqual([...severities].sort(), ['critical', 'error', 'info', 'warning']);
});

for (const [name, provoke] of Object.entries(PROVOKE)) {
  const type = name as keyof typeof PROVOKE;
  test(`${type} is on record once, with who, where and how, and in the log of the service`, async () => {
    const requestId = randomBytes(8).toString('hex');
    const scene = await newScene(requestId);
    const { userId, sessionId } = await provoke(scene);
    const severity = AUDIT_EVENTS[type];
    const rows = await readRows(type, requestId);
    assert.deepEqual(
      rows.map(({ details, ...row }) => [typeof details, row]),
      [
        [
          'object',
          {
            severity,
            user_id: userId,
            session_id: sessionId,
            ip: '127.0.0.1',
            user_agent: 'Audited/1.0',
            device_id: 'device-of-the-event',
            request_id: requestId,
          },
        ],
      ],
    );
    const told = lines.filter((line) => line.audit === type && line.request_id === requestId);
    assert.equal(told.length, 1);
    const [line = assert.fail()] = told;
    assert.deepEqual(
      [line.level, line.severity, line.user_id, line.session_id ?? null, line.ip],
      [LEVELS[severity], severity, userId, sessionId, '127.0.0.1'],
    );
    assert.deepEqual(line.details ?? {}, rows[0]?.details);
    assertTellsNoSecret([rows, told], scene);
  });
}
