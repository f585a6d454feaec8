import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { newAccount, PASSWORD } from './support/accounts.ts';
import { REDIS_PREFIX, startApp } from './support/app.ts';
import { databaseUrl, required, storageAt } from './support/database.ts';
import { forge } from './support/jwt.ts';
import { bearer, newPhoneNumber } from './support/phone.ts';
import { makeDirectory } from './support/processes.ts';
import { describedRoutes, tokenFor, type BodySchema } from './support/routes.ts';
import { findSecrets, type SecretKind } from './support/secret-kinds.ts';
import { wordsOf } from './support/secret-matcher.ts';
import { recordedSecrets } from './support/secret-record.ts';
import { searchDatabase } from './support/search-database.ts';
import { searchRedis } from './support/search-redis.ts';
import { findLeaks } from './support/secrets-at-rest.ts';

// What is made up here does not count as used in the test run.
process.env.TEST_SECRET_REPORT = '';

const app = await startApp();
const storage = storageAt(await databaseUrl());

type Makers = [name: RegExp, make: () => string][];

/** Secrets that no test has used before, by the names of their fields. */
const NEW_SECRETS: Makers = [
  [/^(otp|code|totp_code)$/, () => String(randomInt(100_000, 1_000_000))],
  [/password/, () => `Canary ${randomBytes(6).toString('hex')} 7!`],
  [/./, () => randomBytes(32).toString('base64url')],
];

const OTHER_TEXTS: Makers = [
  [/^phone_number$/, newPhoneNumber],
  [/email/, () => newAccount().email],
  [/./, () => newAccount().username],
];

const makeFor = (name: string, makers: Makers): string =>
  makers.find(([pattern]) => pattern.test(name))?.[1]() ?? '';

/** A body that fits a schema, with a secret in every field that is for one. */
function fillIn({ properties }: BodySchema): Record<string, unknown> {
  const fields = Object.entries(properties).map(([name, schema]) => {
    const secret = makeFor(name, NEW_SECRETS);
    if (findSecrets(JSON.stringify({ [name]: secret }), 'client').length > 0) return [name, secret];
    if (schema.enum !== undefined) return [name, schema.enum[0]];
    return [name, schema.type === 'string' ? makeFor(name, OTHER_TEXTS) : 1];
  });
  return Object.fromEntries(fields) as Record<string, unknown>;
}

test('no route keeps a secret that it is sent, wherever it is and whatever it answers', async () => {
  const routes = await describedRoutes(app);
  const sent: string[] = [];
  for (const route of routes) {
    const [type = '', { schema } = { schema: { properties: {} } }] =
      Object.entries(route.content ?? {})[0] ?? [];
    const cookie = randomBytes(32).toString('base64url');
    const foreign = forge({ alg: 'HS256' }, { user_id: 1 }, cookie);
    for (const token of [foreign, await tokenFor(app, route)]) {
      const body = fillIn(schema);
      const secrets = findSecrets(JSON.stringify(body), 'client').map(({ value }) => value);
      const call = app.request[route.method](route.path).set(bearer(token));
      if (type !== '') call.type(type).send(body);
      const { status } = await call.set('cookie', `session_id=${cookie}`);
      assert.ok(status < 500, `${route.method} ${route.path} answers ${status}`);
      sent.push(cookie, token, ...secrets);
    }
  }
  const recorded = recordedSecrets();
  assert.deepEqual(
    sent.filter((value) => !recorded.has(value)),
    [],
  );
  assert.ok(sent.length > 4 * routes.length);
  assert.deepEqual(await findLeaks(storage), []);
});

test('nothing that is kept can be taken for a code of six digits', async () => {
  const isCode = (word: string) => /^\d{6}$/.test(word);
  const matcher = {
    find: (kept: string): SecretKind[] => (wordsOf(kept).some(isCode) ? ['one-time code'] : []),
  };
  assert.deepEqual(await searchDatabase(storage.databaseUrl, matcher), []);
  const redis = { url: required('TEST_REDIS_URL'), prefix: REDIS_PREFIX };
  assert.deepEqual(await searchRedis(redis, matcher), []);
});

/** A test file that does what the product must not. */
const LEAKING_TEST = `
  import { test } from 'node:test';
  import { PASSWORD, register } from './accounts.ts';
  import { openRedis, startApp } from './app.ts';
  import { query } from './database.ts';
  // It would keep the file from ending, were it not closed for the failure of what is taken down before it.
  openRedis();
  test('passes', async () => {
    await register(await startApp({ store: 'memory' }));
    await query(
      "INSERT INTO audit_log (at, event_type, severity, details) VALUES (now(), 'login', 'info', $1)",
      [{ text: 'It was ' + PASSWORD }],
    );
  });`;

test('a test file whose tests pass fails for a secret that is at rest, and does not say it', async () => {
  const file = join(makeDirectory(), 'leaking.test.ts');
  const support = join(import.meta.dirname, 'support');
  writeFileSync(file, LEAKING_TEST.replaceAll("'./", `'${support}/`));
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const child = spawn(process.execPath, ['--test', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  assert.equal(child.exitCode, 1, output);
  assert.match(output, /pass 1\b/);
  const sentence =
    'A secret of the kind "password" is at rest in the clear: table audit_log, column details.';
  assert.ok(output.includes(sentence), output);
  assert.ok(!output.includes(PASSWORD));
});
