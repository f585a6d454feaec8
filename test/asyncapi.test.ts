import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { z } from 'zod';
import type { Extension } from '../server/extension.ts';
import { CLOSE_CODES } from '../server/realtime/close-codes.ts';
import { loadDescription } from './support/api/compiled-description.ts';
import { fitsAsSent, frameMisfitOf } from './support/api/watch-frames.ts';
import { startApp } from './support/app.ts';

const require = createRequire(import.meta.url);
const SPECIFICATION = require('@asyncapi/specs/schemas/3.0.0.json') as object;

interface Message {
  name: string;
  summary?: string;
  payload: object;
  examples: { payload: object }[];
}

interface Description {
  asyncapi: string;
  info: { version: string };
  servers: Record<string, { host: string; protocol: string; security: { $ref: string }[] }>;
  channels: {
    socket: {
      address: string;
      messages: Record<string, { $ref: string }>;
      'x-close-codes': { code: number; reason?: string; client: string; sentence: string }[];
    };
  };
  operations: Record<
    string,
    { action: string; messages: { $ref: string }[]; reply?: { messages: { $ref: string }[] } }
  >;
  components: { messages: Record<string, Message>; securitySchemes: Record<string, object> };
}

const trips: Extension = ({ addMessage }) => {
  addMessage('trip_status', {
    summary: 'How a trip is going',
    fields: { trip_id: z.int().meta({ examples: [7] }) },
    answer: z.object({ type: z.literal('trip'), trip_id: z.int().meta({ examples: [7] }) }),
    handle: (_connection, { trip_id }) => ({ type: 'trip', trip_id }),
  });
  addMessage('trip_seen', { fields: {}, handle: () => undefined });
};

async function describedBy(extensions: Extension[] = []): Promise<Description> {
  const app = await startApp({
    store: 'memory',
    extensions,
    env: { PUBLIC_URL: 'https://auth.example.com' },
  });
  return (await app.request.get('/asyncapi.json').expect(200)).body as Description;
}

const plain = await describedBy();
const extended = await describedBy([trips]);
const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false });
addFormats.default(ajv);
const isAsyncApi = ajv.compile(SPECIFICATION);

describe('the description of the live socket', () => {
  for (const [name, description] of Object.entries({ plain, extended })) {
    test(`is AsyncAPI 3 by the schema of its authors: ${name}`, () => {
      assert.equal(description.asyncapi, '3.0.0');
      assert.ok(isAsyncApi(description), JSON.stringify(isAsyncApi.errors));
    });

    test(`refers to nothing that it does not have: ${name}`, () => {
      for (const [, pointer = ''] of JSON.stringify(description).matchAll(
        /"\$ref":"#\/([^"]+)"/g,
      )) {
        const found = pointer
          .split('/')
          .reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], description);
        assert.ok(found !== undefined, pointer);
      }
    });

    test(`has an example of every frame, which fits it: ${name}`, () => {
      for (const [key, { payload, examples }] of Object.entries(description.components.messages)) {
        const [example] = examples;
        assert.ok(ajv.validate(payload, example?.payload), `${key}: ${ajv.errorsText()}`);
      }
    });
  }

  test('has the frames of both directions, and each with what it is for', () => {
    const { messages } = plain.components;
    const typesOf = (side: string) =>
      Object.keys(messages)
        .filter((key) => key.startsWith(side))
        .map((key) => messages[key]?.name);
    assert.deepEqual(typesOf('client.'), ['ping', 'refresh', 'location', 'nearby']);
    assert.deepEqual(typesOf('server.').toSorted(), [
      'drain',
      'error',
      'event',
      'location_ok',
      'nearby',
      'pong',
      'ready',
      'refreshed',
      'revoked',
      'token_expiring',
    ]);
    for (const { summary } of Object.values(messages)) assert.ok((summary ?? '').length > 5);
    assert.deepEqual(Object.keys(plain.channels.socket.messages), Object.keys(messages));
    const { action, reply } = plain.operations['client.refresh'] ?? {};
    assert.equal(action, 'receive');
    assert.deepEqual(
      reply?.messages.map(({ $ref }) => $ref.split('/').at(-1)),
      ['server.refreshed', 'server.error'],
    );
    assert.equal(plain.operations['server.ready']?.action, 'send');
  });

  test('says where, and what with', () => {
    assert.equal(plain.channels.socket.address, '/ws');
    const { host, protocol, security } = plain.servers.node ?? {};
    assert.deepEqual({ host, protocol }, { host: 'auth.example.com', protocol: 'wss' });
    assert.deepEqual(
      security?.map(({ $ref }) => $ref.split('/').at(-1)),
      ['bearer', 'subprotocol'],
    );
  });

  test('has every close code with what the client does', () => {
    const codes = plain.channels.socket['x-close-codes'];
    for (const [reason, { code, client, sentence }] of Object.entries(CLOSE_CODES)) {
      assert.deepEqual(
        codes.find((each) => each.reason === reason),
        { code, reason, client, sentence },
      );
    }
    assert.ok(codes.some(({ code }) => code === 1009));
  });

  test("has a team's own frames beside ours", () => {
    const { messages } = extended.components;
    assert.equal(messages['client.trip_status']?.summary, 'How a trip is going');
    assert.ok('server.trip' in messages && 'client.trip_seen' in messages);
    assert.ok(!('client.trip_status' in plain.components.messages));
    const { reply } = extended.operations['client.trip_status'] ?? {};
    assert.match(reply?.messages[0]?.$ref ?? '', /server\.trip$/);
  });
});

describe('a frame of a test', () => {
  test('fits, or is found out', async () => {
    const description = await loadDescription();
    const isMisfit = (frame: { type: string } & Record<string, unknown>) =>
      frameMisfitOf(description, frame) !== null;
    assert.equal(isMisfit({ type: 'pong', ref: 1 }), false);
    assert.equal(isMisfit({ type: 'pong', ref: {} }), true);
    assert.equal(isMisfit({ type: 'pong', more: 1 }), true);
    assert.equal(isMisfit({ type: 'drain' }), true);
    assert.equal(isMisfit({ type: 'revoked', reason: 'a whim' }), true);
    assert.equal(isMisfit({ type: 'error', code: 'a_whim', detail: 'x' }), true);
  });

  test('is judged as the server judges it', async () => {
    const description = await loadDescription();
    const fits = (frame: object) => fitsAsSent(description, frame);
    assert.equal(fits({ type: 'ping', ref: 'a' }), true);
    assert.equal(fits({ type: 'ping', more: 1 }), false);
    assert.equal(fits({ type: 'location', lat: 91, lng: 0 }), false);
    assert.equal(fits({ type: 'location', lat: 1, lng: 0, speed: null }), true);
    assert.equal(fits({ type: 'no_such' }), null);
  });
});
