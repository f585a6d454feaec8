import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import type { Test } from 'supertest';
import { startApp } from './support/app.ts';
import { GOOD_BODIES } from './support/good-bodies.ts';
import { assertProblem } from './support/problem.ts';
import { credentialsFor, describedRoutes, type DescribedRoute } from './support/routes.ts';
import { allowAtRest } from './support/secret-record.ts';

const app = await startApp();
const routes = (await describedRoutes(app)).filter(({ isOAuth }) => !isOAuth);
const writing = routes.filter(({ method }) => method !== 'get');
const withBody = routes.filter(({ takesBody }) => takesBody);

const INVALID = { status: 400, code: 'invalid_request' };
const MALFORMED = { status: 400, code: 'malformed_json' };
const NO_MEDIA = { status: 415, code: 'unsupported_media_type' };

/** A session for each route: a test that fails may have ended it. */
const sessions = new Map<DescribedRoute, Record<string, string>>();
for (const route of routes) sessions.set(route, await credentialsFor(app, route));

function call(route: DescribedRoute): Test {
  return app.request[route.method](route.path).set(sessions.get(route) ?? {});
}

/** Sends text as it is, said to be JSON. */
function sendText(route: DescribedRoute, text: string): Test {
  return call(route).set('Content-Type', 'application/json').send(text);
}

function pathsOf(errors: { path: string }[] | undefined): string[] {
  return [...new Set((errors ?? []).map(({ path }) => path))].sort();
}

test('knows a good body for every route that takes one', () => {
  assert.deepEqual(withBody.map(({ path }) => path).sort(), Object.keys(GOOD_BODIES).sort());
  assert.ok(writing.length > withBody.length);
});

for (const route of writing) {
  const good = GOOD_BODIES[route.path] ?? {};

  describe(`${route.method} ${route.path}`, () => {
    test('refuses what is not JSON', async () => {
      for (const text of [
        '{',
        '{"a":}',
        "{'a': 1}",
        '{"a":1,}',
        'nul',
        '{"a":"\u0001"}',
        '\uFEFF{',
        '{}{}',
      ]) {
        assertProblem(await sendText(route, text), MALFORMED);
      }
    });

    test('refuses JSON that is not an object', async () => {
      for (const text of ['[]', '[{}]', 'null', '1', '"text"', 'true', '1e999']) {
        const answer = await sendText(route, text);
        const code = (answer.body as { code: string }).code;
        assert.ok(['invalid_request', 'malformed_json'].includes(code), `${text} gives ${code}`);
        assertProblem(answer, { status: 400, code });
      }
    });

    test('refuses fields that it does not know, and names each', async () => {
      const answer = await call(route).send({ ...good, extra: 1, more: { deep: true } });
      const { errors } = assertProblem(answer, INVALID);
      assert.deepEqual(pathsOf(errors), ['extra', 'more']);
    });

    test('refuses fields that mean something to JavaScript', async () => {
      for (const name of ['__proto__', 'constructor', 'prototype', 'toString', '']) {
        const text = JSON.stringify(good).replace(
          /\}$/,
          `${Object.keys(good).length ? ',' : ''}"${name}":{"role":"admin"}}`,
        );
        const { errors } = assertProblem(await sendText(route, text), INVALID);
        assert.deepEqual(pathsOf(errors), [name]);
      }
      assert.equal('role' in {}, false);
    });

    test('refuses a body of more than 16 KiB, however it is sent', async () => {
      const tooLarge = { status: 413, code: 'payload_too_large' };
      assertProblem(await call(route).send({ ...good, extra: 'x'.repeat(16 * 1024) }), tooLarge);
      const chunked = call(route).set('Content-Type', 'application/json');
      chunked.set('Transfer-Encoding', 'chunked');
      chunked.write(JSON.stringify({ extra: 'x'.repeat(17 * 1024) }));
      assertProblem(await chunked, tooLarge);
    });

    test('refuses other media types', async () => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'application/xml',
        'application/jsonp',
        'nonsense',
      ]) {
        const answer = await call(route).set('Content-Type', type).send(JSON.stringify(good));
        assertProblem(answer, NO_MEDIA);
      }
    });

    test('refuses a compressed body', async () => {
      const json = JSON.stringify(good);
      for (const [encoding, bytes] of [
        ['gzip', gzipSync(json)],
        ['br', Buffer.from(json)],
        ['nonsense', Buffer.from(json)],
      ] as const) {
        const request = call(route).set('Content-Type', 'application/json');
        request.set('Content-Encoding', encoding).set('Content-Length', String(bytes.length));
        request.write(bytes);
        assertProblem(await request, NO_MEDIA);
      }
    });

    test('bears JSON that is nested as deep as the body allows', async () => {
      const depth = 4000;
      for (const [open, close] of [
        ['[', ']'],
        ['{"a":', '}'],
      ] as const) {
        const text = `{"extra":${open.repeat(depth / open.length)}1${close.repeat(depth / open.length)}}`;
        assertProblem(await sendText(route, text), INVALID);
      }
    });

    test('refuses another character set than UTF-8', async () => {
      const json = JSON.stringify(good);
      for (const charset of ['iso-8859-1', 'nonsense', 'utf-16', 'utf-7']) {
        const type = `application/json; charset=${charset}`;
        assertProblem(await call(route).set('Content-Type', type).send(json), NO_MEDIA);
      }
    });
  });
}

for (const route of withBody) {
  const good = GOOD_BODIES[route.path] ?? {};

  describe(`the fields of ${route.method} ${route.path}`, () => {
    const fields = Object.keys(good);

    test('are refused where they have another type, and are named', async () => {
      for (const wrong of [null, 1, 0, -1, 1e308, true, [], ['x'], {}, { toString: 'x' }]) {
        for (const field of fields) {
          const { errors } = assertProblem(
            await call(route).send({ ...good, [field]: wrong }),
            INVALID,
          );
          assert.deepEqual(pathsOf(errors), [field]);
        }
      }
      const huge = `{"${fields[0] ?? ''}":${'9'.repeat(5000)}}`;
      assertProblem(await sendText(route, huge), INVALID);
    });

    test('may hold any character without a fault of ours', async () => {
      const texts = [
        '\u0000',
        'a\u0000b',
        '\u0007\u001b[31m',
        '\ud800',
        '\udc00x',
        '\u202e+1',
        "';--",
        '%s',
        '𝟙𝟚𝟛',
      ];
      for (const text of texts) {
        for (const field of fields) {
          const answer = await call(route).send({ ...good, [field]: text });
          assert.ok(answer.status < 500, `${JSON.stringify(text)} gives ${answer.status}`);
          const { code } = answer.body as { code: string };
          if (answer.status >= 400) assertProblem(answer, { status: answer.status, code });
        }
      }
    });

    test('are refused where they are longer than they can be', async () => {
      for (const field of fields) {
        const { errors } = assertProblem(
          await call(route).send({ ...good, [field]: '1'.repeat(10_000) }),
          INVALID,
        );
        assert.deepEqual(pathsOf(errors), [field]);
      }
    });
  });
}

test('names every field that is missing at once', async () => {
  const answer = await app.request.post('/api/v2/auth/verify-otp').send({});
  const { errors } = assertProblem(answer, INVALID);
  assert.deepEqual(pathsOf(errors), ['otp', 'phone_number']);
});

test('takes an empty body for an object without fields', async () => {
  const answer = await app.request.post('/api/v2/auth/verify-otp');
  assert.deepEqual(pathsOf(assertProblem(answer, INVALID).errors), ['otp', 'phone_number']);
});

test('refuses a device name that cannot be shown', async () => {
  for (const device_name of [
    '',
    '   ',
    'a\u0000b',
    'a\nb',
    '\u001b[31m',
    '\ud83d',
    'x'.repeat(101),
  ]) {
    const body = { ...GOOD_BODIES['/api/v2/auth/verify-otp'], device_name };
    const answer = await app.request.post('/api/v2/auth/verify-otp').send(body);
    assert.deepEqual(pathsOf(assertProblem(answer, INVALID).errors), ['device_name']);
  }
});

test('fails for no JSON that there is', async () => {
  const someField = fc.constantFrom(
    'phone_number',
    'otp',
    'role',
    'device_name',
    'refresh_token',
    'email',
    'username',
    'password',
    'new_password',
    'challenge_token',
    'code',
    'backup_code',
    'token',
    '__proto__',
  );
  const known = ['123456', '+14155550100', 'rider', 'driver', 'ada@example.com'];
  // Any of them is sent in any field: the address of an account as the password of another.
  allowAtRest(...known);
  const someText = fc.oneof(
    fc.constantFrom(...known, 'Tall Giraffe 7'),
    fc.stringMatching(/^\+[1-9]\d{1,18}$/),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
  );
  const someValue = fc.oneof({ weight: 3, arbitrary: someText }, fc.jsonValue({ maxDepth: 3 }));
  const someBody = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.dictionary(fc.oneof(someField, fc.string()), someValue, { maxKeys: 5 }),
    },
    fc.jsonValue({ maxDepth: 4 }),
  );
  const posts = routes.filter(
    ({ method, path }) => method === 'post' && !path.endsWith('all-devices'),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...posts), someBody, async ({ path }, body) => {
      const request = app.request.post(path).set('Content-Type', 'application/json');
      const answer = await request.send(JSON.stringify(body));
      assert.ok(answer.status < 500, `${answer.status} for ${JSON.stringify(body)}`);
      if (answer.status < 400) return;
      const { code } = answer.body as { code: string };
      assertProblem(answer, { status: answer.status, code });
    }),
    { numRuns: 300 },
  );
});
