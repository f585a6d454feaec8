import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import type { Router } from 'express';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ERRORS } from '../server/errors.ts';
import type { Extension } from '../server/extension.ts';
import { recordRoutes } from './support/api/express-routes.ts';

// Before anything is mounted anywhere.
const routesOf = recordRoutes();
const { startApp } = await import('./support/app.ts');
const express = await import('express');

const own: Extension = ({ addRouter }) => {
  const router: Router = express.Router();
  router.get('/', (_req, res) => {
    res.json({});
  });
  addRouter('/trips', router);
};
const app = await startApp({ extensions: [own] });

interface MediaType {
  schema: Record<string, unknown>;
  example?: unknown;
  examples?: Record<string, { $ref?: string; value?: unknown }>;
}

interface Operation {
  tags: string[];
  summary: string;
  operationId: string;
  security: Record<string, string[]>[];
  parameters: { $ref?: string; name?: string; in?: string; required?: boolean }[];
  requestBody?: { content: Record<string, MediaType> };
  responses: Record<
    string,
    { $ref?: string; description: string; headers: object; content?: Record<string, MediaType> }
  >;
}

interface Description {
  openapi: string;
  info: { title: string; version: string; license: object };
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: {
    examples: Record<string, { value: unknown }>;
    schemas: Record<string, object>;
    securitySchemes: Record<string, object>;
  };
}

const description = (await app.request.get('/openapi.json').expect(200)).body as Description;
const { paths, components } = description;
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every schema of a body, in either direction, with its examples. */
function mediaTypes(): [string, MediaType][] {
  return operations.flatMap(({ path, method, operation }) => {
    const answers = Object.values(operation.responses);
    const contents = [operation.requestBody?.content, ...answers.map(({ content }) => content)];
    return contents.flatMap((content) =>
      Object.entries(content ?? {}).map(([type, each]): [string, MediaType] => [
        `${method} ${path} ${type}`,
        each,
      ]),
    );
  });
}

describe('the description of the API', () => {
  test('is OpenAPI 3.1, of the version of the package', () => {
    const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
    assert.match(description.openapi, /^3\.1\./);
    assert.equal(description.info.version, version);
    assert.deepEqual(description.info.license, { name: 'MIT', identifier: 'MIT' });
    const text = JSON.stringify(description);
    // Of 3.0, and of zod's own place for what is used more than once.
    for (const old of ['"nullable"', '$defs', '"example":null'])
      assert.ok(!text.includes(old), old);
  });

  test('has every route that Express has, and no other but the files of the page and the routes of a team', () => {
    const mounted = routesOf().filter((route) => !/ \/(trips$|docs\/)/.test(route));
    assert.ok(mounted.length > 70);
    const described = operations.map(({ path, method }) => `${method} ${path}`);
    assert.deepEqual(mounted.toSorted(), described.toSorted());
  });

  test('says of each operation what it is, under an id of its own', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
    const tags = new Set(description.tags.map(({ name }) => name));
    for (const { description: text } of description.tags) assert.ok(text.length > 10);
    for (const { operation } of operations) {
      assert.match(operation.operationId, /^[a-z][A-Za-z0-9]+$/);
      assert.ok(operation.summary.length > 5);
      assert.ok(operation.tags.length === 1 && operation.tags.every((tag) => tags.has(tag)));
    }
  });

  test('says who may: which token, an API client, or the cookie', () => {
    const waysOf = (path: string, method: string) =>
      paths[path]?.[method]?.security.map((way) => Object.keys(way)[0] ?? 'nothing');
    assert.deepEqual(waysOf('/api/v2/auth/me', 'get'), ['phoneToken']);
    assert.deepEqual(waysOf('/api/auth/me', 'get'), ['accountToken']);
    assert.deepEqual(waysOf('/api/auth/logout', 'post'), ['accountToken', 'nothing']);
    assert.deepEqual(waysOf('/api/admin/users', 'get'), ['accountToken', 'apiClient']);
    assert.deepEqual(waysOf('/api/v1/auth/me', 'get'), ['cookie']);
    assert.deepEqual(waysOf('/api/auth/login', 'post'), []);
    for (const { operation } of operations) {
      const schemes = operation.security.flatMap((way) => Object.keys(way));
      for (const each of schemes) assert.ok(each in components.securitySchemes, each);
      const isOptional = operation.security.some((way) => Object.keys(way).length === 0);
      if (schemes.length > 0 && !isOptional) assert.ok('401' in operation.responses);
      if (schemes.length > 0) assert.ok('503' in operation.responses);
    }
  });

  test('has its errors by status, each with an example that says its code', () => {
    const responses = paths['/api/v2/auth/verify-otp']?.post?.responses ?? {};
    assert.deepEqual(Object.keys(responses), [
      '200',
      '400',
      '401',
      '403',
      '409',
      '413',
      '415',
      '429',
      '503',
      'default',
    ]);
    const locked = responses[429];
    assert.deepEqual(Object.keys(locked?.headers ?? {}).slice(0, 2), [
      'X-Request-Id',
      'Retry-After',
    ]);
    const examples = locked?.content?.['application/problem+json']?.examples ?? {};
    assert.deepEqual(Object.keys(examples), ['too_many_attempts', 'rate_limited']);
    for (const [name, { value }] of Object.entries(components.examples)) {
      if (name.startsWith('oauth_')) continue;
      const { code, status } = value as { code: keyof typeof ERRORS; status: number };
      assert.equal(name, status === ERRORS[code].status ? code : `${code}_${status}`);
    }
    assert.deepEqual(components.examples.two_factor_required_403?.value, {
      ...(components.examples.two_factor_required?.value as object),
      status: 403,
    });
  });

  test('has the refusal of who asks too often for every route of a surface', () => {
    const ofSurfaces = operations.filter(({ path }) => /^\/(api|auth)\//.test(path));
    assert.ok(ofSurfaces.length > 60);
    for (const { operation } of ofSurfaces) {
      assert.match(operation.responses[429]?.description ?? '', /\brate_limited\b/);
    }
  });

  test('takes in the query and the path what the routes take, and headers everywhere', () => {
    const parametersOf = (path: string, method: string) =>
      paths[path]?.[method]?.parameters.map(({ $ref, name, required }) => $ref ?? [name, required]);
    const headers = ['#/components/parameters/DeviceId', '#/components/parameters/RequestId'];
    assert.deepEqual(parametersOf('/api/v2/auth/sessions', 'get'), [
      ['limit', false],
      ['cursor', false],
      ...headers,
    ]);
    assert.deepEqual(parametersOf('/api/v2/auth/sessions/{id}', 'delete'), [
      ['id', true],
      ...headers,
    ]);
  });

  test('keeps once what is used more than once', () => {
    for (const name of ['Problem', 'User', 'Session', 'SignedIn', 'ManagedUser', 'AuditEvent']) {
      assert.ok(name in components.schemas, name);
    }
    const text = JSON.stringify(paths);
    assert.equal(text.match(/"is_active":\{"type":"boolean"\}/g)?.length, MOUNTS_THAT_CHANGE_USERS);
    const { last_login } = (components.schemas.User as { properties: Record<string, object> })
      .properties;
    assert.deepEqual(last_login, { type: ['string', 'null'], format: 'date-time' });
  });

  test('has an example for every body, and each fits its schema', () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats.default(ajv);
    ajv.addSchema({ $id: 'api', components: { schemas: components.schemas } });
    const seen = new Set<string>();
    for (const [name, { schema, example, examples }] of mediaTypes()) {
      const all = example === undefined ? Object.values(examples ?? {}) : [{ value: example }];
      assert.ok(all.length > 0, `${name} has no example`);
      const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components');
      const values = all.map(({ $ref, value }) =>
        $ref === undefined ? value : components.examples[$ref.split('/').at(-1) ?? '']?.value,
      );
      const key = text + JSON.stringify(values);
      if (seen.has(key)) continue;
      seen.add(key);
      const validate = ajv.compile(JSON.parse(text) as object);
      for (const value of values) {
        assert.ok(validate(value), `${name}: ${JSON.stringify([value, validate.errors])}`);
      }
    }
  });

  test('is answered as it is made, once', async () => {
    const [one, other] = await Promise.all([
      app.request.get('/openapi.json'),
      app.request.get('/openapi.json'),
    ]);
    assert.equal(one.text, other.text);
    assert.match(one.get('content-type') ?? '', /^application\/json/);
  });
});

/** `PATCH /api/admin/users/{id}` alone. */
const MOUNTS_THAT_CHANGE_USERS = 1;

describe('the page of the documentation', () => {
  test('is served with what it is made of, and may run nothing else', async () => {
    const answer = await app.request.get('/docs/').expect(200);
    assert.match(answer.get('content-type') ?? '', /^text\/html/);
    assert.match(answer.text, /Medallion API/);
    assert.doesNotMatch(answer.text, /<style|<script>|style=|https?:/);
    const policy = answer.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self';/);
    assert.doesNotMatch(policy, /unsafe|https:/);
    for (const [, file = ''] of answer.text.matchAll(/(?:src|href)="(\/docs\/[^"]+)"/g)) {
      await app.request.get(file).expect(200);
    }
    assert.match((await app.request.get('/docs/docs.js')).text, /\/openapi\.json/);
    await app.request.get('/docs').expect(301).expect('location', '/docs/');
  });

  test('is not that of the library, which reads the description of a pet shop', async () => {
    for (const file of ['index.html', 'swagger-initializer.js', 'oauth2-redirect.html']) {
      const { text } = await app.request.get(`/docs/${file}`);
      assert.doesNotMatch(text, /petstore/);
    }
  });
});
