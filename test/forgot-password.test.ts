import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PoolClient } from 'pg';
import { pino } from 'pino';
import {
  eventsOf,
  mailsTo,
  MOUNTS,
  newAccount,
  register,
  visibleParts,
} from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { query } from './support/database.ts';
import { eventually } from './support/eventually.ts';
import { storesFor, type STORES, tally } from './support/otp.ts';
import { assertProblem } from './support/problem.ts';
import { allowAtRest } from './support/secret-record.ts';
import {
  countTokens,
  forget,
  newPhoneUser,
  newResetToken,
  ON_ITS_WAY,
  RESET_SUBJECT,
  reset,
  resetTokensTo,
} from './support/recovery.ts';
import { FROM, startSmtp } from './support/smtp.ts';
import { HoldingClock } from './support/test-clock.ts';

const lines: string[] = [];
const log = pino({ level: 'trace' }, { write: (line) => void lines.push(line) });
const apps: Record<(typeof STORES)[number], TestApp> = {
  redis: await startApp({ log }),
  memory: await startApp({ store: 'memory' }),
};

/** Everybody whose address somebody may type, by what becomes of it. */
async function newPeople(app: TestApp): Promise<Record<string, string>> {
  const [known, disabled, spent] = [await register(app), await register(app), await register(app)];
  await query('UPDATE users SET is_active = false WHERE id = $1', [disabled.userId]);
  for (let times = 0; times < 3; times++) await forget(app, spent.email).expect(202);
  return {
    known: known.email,
    withoutPassword: (await newPhoneUser(app)).email,
    unknown: newAccount().email,
    disabled: disabled.email,
    spent: spent.email,
  };
}

for (const { app, store, mount } of MOUNTS.flatMap((mount) =>
  storesFor(mount).map((store) => ({ app: apps[store], store, mount })),
)) {
  describe(`${mount}/forgot-password on the ${store} store`, () => {
    test('mails a link to whoever has an account, with or without a password', async () => {
      for (const { email } of [await register(app), await newPhoneUser(app)]) {
        const answer = await forget(app, email, mount).expect(202);
        assert.deepEqual(answer.body, ON_ITS_WAY);
        assert.equal(answer.get('cache-control'), 'no-store');
        const [token = '', ...more] = await resetTokensTo(app, email);
        assert.match(token, /^[\w-]{43}$/);
        assert.deepEqual(more, []);
      }
    });

    test('takes the address in whatever case, and mails to it as it was registered', async () => {
      const { email } = await register(app);
      await forget(app, email.toUpperCase(), mount).expect(202);
      assert.equal((await resetTokensTo(app, email)).length, 1);
      assert.deepEqual(await mailsTo(app, email.toUpperCase()), []);
    });

    test('mails nothing to an unknown address or about a disabled account', async () => {
      const { unknown = '', disabled = '' } = await newPeople(app);
      for (const email of [unknown, disabled]) {
        await forget(app, email, mount).expect(202);
        assert.deepEqual(await resetTokensTo(app, email), []);
      }
    });

    test('answers everybody alike', async () => {
      const people = await newPeople(app);
      const answers = new Set<string>();
      for (const email of Object.values(people)) {
        answers.add(JSON.stringify(await toVisibleParts(app, email, mount)));
      }
      assert.equal(answers.size, 1);
    });

    test('sends three mails an hour to an address, in whatever case, and answers on as before', async () => {
      const { email, userId } = await register(app);
      for (const typed of [email, email.toUpperCase(), email, email, email.toUpperCase()]) {
        assert.deepEqual((await forget(app, typed, mount).expect(202)).body, ON_ITS_WAY);
      }
      assert.equal((await resetTokensTo(app, email)).length, 3);
      assert.equal(await countTokens(userId, 'reset_password'), 3);
    });

    test('refuses what is missing, unknown or no address', async () => {
      const { email } = newAccount();
      for (const body of [{}, { email: 1 }, { email: 'ada' }, { email, token: 'x' }]) {
        const answer = await app.request.post(`${mount}/forgot-password`).send(body);
        assertProblem(answer, { status: 400, code: 'invalid_request' });
      }
    });
  });
}

/** All that an answer tells, in a shape that two of them can be compared by. */
async function toVisibleParts(app: TestApp, email: string, mount: string): Promise<unknown> {
  const answer = await forget(app, email, mount).expect(202);
  const body = { ...(answer.body as object), request_id: String(answer.get('x-request-id')) };
  return visibleParts(Object.assign(answer, { body }));
}

const app = apps.redis;

/** The statements of the app that are not of its own housekeeping, as they are sent. */
function watchStatements({ context }: TestApp): string[] {
  const statements: string[] = [];
  const watched = new WeakSet<PoolClient>();
  context.db.on('acquire', (client) => {
    if (watched.has(client)) return;
    watched.add(client);
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    Object.assign(client, {
      query: (...args: unknown[]) => {
        const [first] = args;
        const text = typeof first === 'string' ? first : (first as { text: string }).text;
        if (!/revocations|pg_snapshot/.test(text)) statements.push(text);
        return send(...args);
      },
    });
  });
  return statements;
}

test('does the same in PostgreSQL for everybody: two statements and one commit', async () => {
  const node = await startApp();
  const statements = watchStatements(node);
  const people = Object.values(await newPeople(node));
  const sent: string[][] = [];
  for (const email of people) {
    statements.length = 0;
    await forget(node, email).expect(202);
    sent.push([...statements]);
  }
  const [first = []] = sent;
  assert.deepEqual([first.length, first[0], first[3]], [4, 'BEGIN', 'COMMIT']);
  for (const each of sent) assert.deepEqual(each, first);
});

test('counts the mails to an address for all nodes together, also of many at once', async () => {
  const other = await startApp();
  const { email } = await register(app);
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => forget(index % 2 === 0 ? app : other, email)),
  );
  assert.deepEqual(tally(answers), { 202: 20 });
  const sent = [...(await resetTokensTo(app, email)), ...(await resetTokensTo(other, email))];
  assert.equal(sent.length, 3);
});

test('mails so many an hour as the configuration says', async () => {
  const node = await startApp({ store: 'memory', env: { MAIL_LIMIT_PER_ADDRESS: '1/600' } });
  const { email } = await register(node);
  for (let times = 0; times < 3; times++) await forget(node, email).expect(202);
  assert.equal((await resetTokensTo(node, email)).length, 1);
});

test('answers at a moment that does not depend on how long the work took', async () => {
  const clock = new HoldingClock(50);
  const node = await startApp({ clock });
  const { email } = await register(node);
  const before = await countRequests();
  let answered = 0;
  const answers = [email, newAccount().email].map(async (each) => {
    const { status } = await forget(node, each);
    answered++;
    return status;
  });
  await eventually('all is done', async () => (await countRequests()) === before + 2);
  assert.deepEqual([answered, clock.held], [0, 2]);
  clock.release();
  assert.deepEqual(await Promise.all(answers), [202, 202]);
});

async function countRequests(): Promise<number> {
  const rows = await query("SELECT 1 FROM audit_log WHERE event_type = 'password_reset_requested'");
  return rows.length;
}

test('puts every request on record, of nobody where nobody is known', async () => {
  const people = await newPeople(app);
  for (const [name, email] of Object.entries(people)) {
    const requestId = `${name}-${email.slice(0, 13)}`;
    await forget(app, email).set('X-Request-Id', requestId).expect(202);
    const rows = await query(
      `SELECT a.event_type, u.email, a.details FROM audit_log a LEFT JOIN users u ON u.id = a.user_id
       WHERE request_id = $1`,
      [requestId],
    );
    const is_mailed = name === 'known' || name === 'withoutPassword';
    assert.deepEqual(rows, [
      {
        event_type: 'password_reset_requested',
        email: name === 'unknown' ? null : email,
        details: { is_mailed },
      },
    ]);
  }
});

test('ends no session, changes no password and voids no earlier link', async () => {
  const { email, userId } = await register(app);
  const first = await newResetToken(app, email);
  await newResetToken(app, email);
  assert.deepEqual(await eventsOf(userId), [
    'user_registered',
    'password_reset_requested',
    'password_reset_requested',
  ]);
  await reset(app, first).expect(200);
});

test('keeps a token only as a hash that is of no use to whoever reads it', async () => {
  const { email, userId } = await register(app);
  const token = await newResetToken(app, email);
  const rows = await query<{ token_hash: string; text: string }>(
    'SELECT token_hash, t::text AS text FROM one_time_tokens t WHERE user_id = $1',
    [userId],
  );
  for (const { token_hash, text } of rows) {
    assert.ok(!text.includes(token));
    // What is stored is sent as if it were the token.
    allowAtRest(token_hash);
    await reset(app, token_hash).expect(400);
  }
  const kept = await query('SELECT 1 FROM audit_log a WHERE position($1 in a::text) > 0', [token]);
  assert.deepEqual(kept, []);
});

test('logs neither a token nor an address, but for the mail that the console prints', async () => {
  const smtp = await startSmtp();
  const env = { SMTP_URL: smtp.url, MAIL_FROM: FROM };
  const node = await startApp({ env, log });
  const { email } = await register(node);
  lines.length = 0;
  await forget(node, email).expect(202);
  await eventually('the mail has come', () => smtp.messages.length === 2);
  const token = /#token=([\w-]+)/.exec(smtp.messages[1]?.text ?? '')?.[1] ?? assert.fail();
  await reset(node, token).expect(200);
  const written = lines.join('');
  assert.match(written, /audit: password_reset_requested/);
  assert.match(written, /audit: password_reset"/);
  for (const secret of [token, email]) assert.equal(written.includes(secret), false);
});

test('mails the link of the configuration, good for as long as it says', async () => {
  for (const [page, variables] of Object.entries({
    'https://rides.example/reset-password.html': { PUBLIC_URL: 'https://rides.example/' },
    'rides://account/reset?from=mail': { RESET_PASSWORD_URL: 'rides://account/reset?from=mail' },
  })) {
    const smtp = await startSmtp();
    const env = { SMTP_URL: smtp.url, MAIL_FROM: FROM, RESET_TOKEN_EXPIRE_HOURS: '3' };
    const node = await startApp({ env: { ...env, ...variables } });
    const { email } = await register(node);
    await forget(node, email).expect(202);
    await eventually('both mails have come', () => smtp.messages.length === 2);
    const mail = smtp.messages[1] ?? assert.fail();
    assert.deepEqual(mail.recipients, [email]);
    assert.equal(mail.headers.get('subject'), RESET_SUBJECT);
    assert.match(mail.text, /It works once, for 3 hours\./);
    assert.match(mail.text, /^IP address: 127\.0\.0\.1$/m);
    const link = mail.text.split('\n').find((line) => line.includes('#token=')) ?? '';
    const [, address, token = ''] = /^(.*)#token=([\w-]{43})$/.exec(link) ?? [];
    assert.equal(address, page);
    assert.ok(mail.html.includes(`<a href="${link}">`));
    await reset(node, token).expect(200);
  }
});
