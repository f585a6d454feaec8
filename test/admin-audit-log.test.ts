import assert from 'node:assert/strict';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { parse } from 'csv-parse/sync';
import { logIn, register, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { makeApiClient, signUpAs } from './support/staff.ts';

interface AdminEvent {
  id: string;
  event_type: string;
  severity: string;
  user_id: number | null;
  actor: string | null;
  details: Record<string, unknown>;
}

const { client, env } = makeApiClient('siem', 'audit:read');
const app = await startApp({ env });
const viewer = await signUpAs(app, 'viewer');
/** More than one batch of an export. */
const MANY = 2500;

const ask = (search: string, header = bearer(viewer.access_token)) =>
  app.request.get(`/api/admin/audit-log?${search}`).set(header);

async function page(search: string): Promise<{ events: AdminEvent[]; next_cursor: string | null }> {
  return (await ask(search).expect(200)).body as Awaited<ReturnType<typeof page>>;
}

async function insertEvents(actor: string, count: number, user_agent = 'Test/1.0'): Promise<void> {
  await query(
    `INSERT INTO audit_log (at, event_type, severity, actor, user_agent, details)
     SELECT now() - n * interval '1 second', 'user_registered', 'info', $1, $3,
            jsonb_build_object('n', n)
     FROM generate_series(1, $2::integer) AS n`,
    [actor, count, user_agent],
  );
}

describe('the audit log of all users', () => {
  test('is filtered by user, actor, type and severity, in any combination', async () => {
    const account = await signUp(app);
    const { userId } = await register(app);
    const actor = `user:${viewer.userId}`;
    await insertEvents(actor, 2);
    const own = (await page(`user_id=${userId}`)).events;
    assert.deepEqual(
      own.map(({ event_type, user_id, actor }) => [event_type, user_id, actor]),
      [['user_registered', userId, null]],
    );
    const acted = (await page(`actor=${actor}&event_type=user_registered`)).events;
    assert.deepEqual(
      acted.map(({ actor, details }) => [actor, details.n]),
      [
        [actor, 1],
        [actor, 2],
      ],
    );
    await ask('format=csv').expect(200);
    const warned = (await page('severity=warning&limit=200')).events;
    assert.deepEqual([...new Set(warned.map(({ severity }) => severity))], ['warning']);
    assert.deepEqual((await page(`user_id=${userId}&severity=critical`)).events, []);
    assert.ok((await page('from=2020-01-01T00:00:00Z')).events.length > 0);
    assert.deepEqual((await page('to=2020-01-01T00:00:00Z')).events, []);
    assert.equal((await page(`user_id=2000000000`)).next_cursor, null);
    assert.ok(account.access_token);
  });

  test('comes in pages', async () => {
    const actor = 'client:pages';
    await insertEvents(actor, 5);
    const seen: unknown[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { events, next_cursor } = await page(
        `actor=${actor}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...events.map(({ details }) => details.n));
      cursor = next_cursor;
    }
    assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  });

  test('refuses filters that it does not know', async () => {
    for (const search of [
      'user_id=0',
      'user_id=x',
      'actor=bob',
      'format=xml',
      'event_type=x',
      'session_id=x',
      'from=yesterday',
      'limit=1000',
    ]) {
      assert.equal((await ask(search)).status, 400, search);
    }
  });

  test('is for those who may read it', async () => {
    assert.equal((await ask('', client.header)).status, 200);
    const rider = await signUp(app);
    assertProblem(await ask('', bearer(rider.access_token)), {
      status: 403,
      code: 'insufficient_permissions',
    });
  });
});

test('the own log of a user shows what staff did, and nothing of who they are or why', async () => {
  const rider = await signUp(app);
  const admin = await signUpAs(app, 'admin');
  const body = { user_id: rider.user.id, reason: 'suspected fraud' };
  await app.request
    .post('/api/admin/revocations')
    .set(bearer(admin.access_token))
    .send(body)
    .expect(200);
  const { access_token } = await logIn(app, rider);
  const answer = await app.request
    .get('/api/auth/audit-log?event_type=all_sessions_revoked')
    .set(bearer(access_token))
    .expect(200);
  const { events } = answer.body as { events: Record<string, unknown>[] };
  assert.deepEqual(
    events.map(({ ip, user_agent, details, actor }) => [ip, user_agent, details, actor]),
    [[null, null, {}, undefined]],
  );
});

describe('an export of the audit log', () => {
  test('as NDJSON has an event on each line, all of them, the newest first', async () => {
    await insertEvents('client:ndjson', MANY);
    const answer = await ask('format=ndjson&actor=client:ndjson').buffer(true).expect(200);
    assert.match(answer.get('content-type') ?? '', /^application\/x-ndjson/);
    assert.match(answer.get('content-disposition') ?? '', /filename=audit-log\.ndjson/);
    assert.equal(answer.get('cache-control'), 'no-store');
    const events = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AdminEvent);
    assert.deepEqual(
      events.map(({ details }) => details.n),
      Array.from({ length: MANY }, (_, index) => index + 1),
    );
  });

  test('as CSV has a header, and no cell that a spreadsheet would run', async () => {
    await insertEvents('client:csv', 3, '=HYPERLINK("http://evil.example","click, ""me""")');
    const answer = await ask('format=csv&actor=client:csv').expect(200);
    assert.match(answer.get('content-type') ?? '', /^text\/csv/);
    const rows = parse<Record<string, string>>(answer.text, { columns: true });
    assert.deepEqual(
      rows.map(({ details, actor }) => [JSON.parse(details ?? '') as unknown, actor]),
      [1, 2, 3].map((n) => [{ n }, 'client:csv']),
    );
    for (const { user_agent = '' } of rows) assert.match(user_agent, /^'=HYPERLINK/);
    const none = await ask('format=csv&actor=client:nobody').expect(200);
    assert.match(none.text, /^id,created_at,event_type,[a-z_,]+,details\n$/);
  });

  test('is put on record, with who asked and for what', async () => {
    await ask('format=csv&severity=critical', client.header).expect(200);
    const [row] = await query<{ actor: string; severity: string; details: object }>(
      `SELECT actor, severity, details FROM audit_log
       WHERE event_type = 'audit_log_exported' ORDER BY id DESC LIMIT 1`,
    );
    assert.deepEqual(row, {
      actor: 'client:siem',
      severity: 'warning',
      details: { format: 'csv', severity: 'critical' },
    });
  });

  test('whose client goes away is given up, and the node serves on', async () => {
    await insertEvents('client:gone', MANY * 8, 'x'.repeat(200));
    const url = `${app.url}/api/admin/audit-log?format=ndjson&actor=client:gone`;
    const request = httpGet(url, { headers: bearer(viewer.access_token) });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    await once(response, 'data');
    response.destroy();
    await eventually('its connection is given back', () =>
      Promise.resolve(app.context.db.idleCount === app.context.db.totalCount),
    );
    await ask('limit=1').expect(200);
  });
});
