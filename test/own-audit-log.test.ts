import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Test } from 'supertest';
import { MOUNTS, register, signUp, tryLogIn, WRONG_PASSWORD } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';

const HOUR_MS = 60 * 60 * 1000;

const app = await startApp();

function sessionOf({ access_token }: Tokens): string {
  return String(decodePart(access_token, 'payload').jti).split('.')[0] ?? '';
}

interface Listed extends Record<string, unknown> {
  id: string;
  event_type: string;
  created_at: string;
}

interface Page {
  events: Listed[];
  next_cursor: string | null;
}

for (const mount of MOUNTS) {
  const ask = (token: string, parameters: object = {}): Test =>
    app.request.get(`${mount}/audit-log`).query(parameters).set(bearer(token));
  const list = async (token: string, parameters: object = {}): Promise<Page> =>
    (await ask(token, parameters).expect(200)).body as Page;
  const idsOf = ({ events }: Page): string[] => events.map(({ id }) => id);
  /** The ids of all pages, one page after the other. */
  const walk = async (token: string, parameters: object): Promise<string[]> => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await list(token, { ...parameters, ...(cursor && { cursor }) });
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
    } while (cursor !== null);
    return seen;
  };
  /** Somebody who signed in and to whom so much happened since: every third at one moment with another. */
  const withHistory = async (count: number): Promise<Tokens> => {
    const tokens = await signUp(app);
    await query(
      `INSERT INTO audit_log (at, event_type, severity, user_id)
       SELECT date_trunc('second', now()) - (n - n % 3) * interval '1 hour',
              CASE WHEN n % 2 = 0 THEN 'logout' ELSE 'login_failed' END,
              CASE WHEN n % 2 = 0 THEN 'info' ELSE 'warning' END, $1
       FROM generate_series(1, $2::int) AS n`,
      [tokens.user.id, count],
    );
    return tokens;
  };

  describe(`${mount}/audit-log`, () => {
    test('tells what happened to the own account and to no other, the newest first', async () => {
      const account = await register(app);
      await signUp(app);
      await tryLogIn(app, { ...account, password: WRONG_PASSWORD }).expect(401);
      const tokens = await app.request
        .post(`${mount}/login`)
        .set({ 'x-device-id': 'mine', 'x-request-id': 'the-login', 'user-agent': 'Reader/2' })
        .send({ email: account.email, password: account.password });
      const { access_token } = tokens.body as Tokens;
      const { events, next_cursor } = await list(access_token);
      assert.equal(next_cursor, null);
      const types = ['login_succeeded', 'login_failed', 'user_registered'];
      assert.deepEqual(
        events.map(({ event_type }) => event_type),
        types,
      );
      const { id, created_at, ...rest } = events[0] ?? assert.fail();
      assert.match(id, /^\d+$/);
      assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < HOUR_MS);
      assert.deepEqual(rest, {
        event_type: 'login_succeeded',
        severity: 'info',
        session_id: sessionOf(tokens.body as Tokens),
        ip: '127.0.0.1',
        user_agent: 'Reader/2',
        device_id: 'mine',
        request_id: 'the-login',
        details: { role: 'rider' },
      });
    });

    test('gives each event exactly once, in order, whatever the size of the pages', async () => {
      const { access_token, user } = await withHistory(60);
      const rows = await query<{ id: string }>(
        'SELECT id FROM audit_log WHERE user_id = $1 ORDER BY at DESC, id DESC',
        [user.id],
      );
      for (const limit of [1, 7, 50, 62, 200]) {
        const seen = await walk(access_token, { limit });
        assert.deepEqual(
          seen,
          rows.map(({ id }) => id),
        );
      }
    });

    test('picks events by type, severity and time, and walks what was picked', async () => {
      const { access_token } = await withHistory(30);
      const { events } = await list(access_token, { limit: 200 });
      const times = [...new Set(events.map(({ created_at }) => created_at))];
      const [to = '', from = ''] = [times[3], times[6]];
      const withOffset = from.replace('Z', '+00:00');
      const cases: [object, (event: Listed) => boolean][] = [
        [{ event_type: 'logout' }, ({ event_type }) => event_type === 'logout'],
        [{ severity: 'warning' }, ({ severity }) => severity === 'warning'],
        [{ severity: 'critical' }, () => false],
        [{ from }, ({ created_at }) => created_at >= from],
        [{ to }, ({ created_at }) => created_at < to],
        [{ from: withOffset, to }, ({ created_at: at }) => at >= from && at < to],
        [{ from: to, to: from }, () => false],
        [
          { event_type: 'login_failed', severity: 'warning', to },
          ({ event_type, created_at }) => event_type === 'login_failed' && created_at < to,
        ],
      ];
      for (const [filters, isPicked] of cases) {
        const seen = await walk(access_token, { ...filters, limit: 4 });
        assert.deepEqual(
          seen,
          events.filter(isPicked).map(({ id }) => id),
        );
      }
    });

    test('refuses filters that make no sense, and says which', async () => {
      const { access_token } = await signUp(app);
      const cursorOf = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const bad: Record<string, string>[] = [
        { event_type: 'nothing' },
        { event_type: 'LOGOUT' },
        { severity: 'fatal' },
        { from: 'yesterday' },
        { from: '2026-01-01' },
        { to: '2026-02-30T00:00:00Z' },
        { to: "2026-01-01T00:00:00Z'--" },
        { limit: '0' },
        { limit: '201' },
        { cursor: 'rubbish' },
        { cursor: cursorOf(['2026-01-01T00:00:00.000Z', '-']) },
        { cursor: cursorOf(['2026-01-01T00:00:00.000Z', 'a_session_id']) },
        { cursor: cursorOf(['2026-01-01T00:00:00.000Z', '9'.repeat(30)]) },
        { user_id: '1' },
        { severity: 'fatal', event_type: 'nothing', unknown: '1' },
      ];
      const answers: unknown[] = [];
      for (const parameters of bad) {
        const answer = await ask(access_token, parameters);
        const { errors } = answer.body as { errors?: { path: string }[] };
        answers.push([answer.status, parameters, errors?.map(({ path }) => path).sort()]);
      }
      const expected = bad.map((each) => [400, each, Object.keys(each).sort()]);
      assert.deepEqual(answers, expected);
    });

    test('answers for the ends of time', async () => {
      const { access_token } = await signUp(app);
      for (const time of ['0000-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59']) {
        for (const name of ['from', 'to']) {
          const { status } = await ask(access_token, { [name]: time });
          assert.ok([200, 400].includes(status), `${name}=${time} gives ${status}`);
        }
      }
    });

    test('needs a token of an account', async () => {
      assertProblem(await app.request.get(`${mount}/audit-log`), {
        status: 401,
        code: 'invalid_token',
      });
    });
  });
}
