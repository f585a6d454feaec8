import assert from 'node:assert/strict';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { Router } from 'express';
import type { Extension } from '../server/extension.ts';
import { startApp } from './support/app.ts';
import { eventually } from './support/live-sockets.ts';
import { connectTcp } from './support/raw-socket.ts';
import { atEnd } from './support/teardown.ts';

/** More than the buffers of a connection hold. */
const LARGE_BYTES = 32 * 1024 * 1024;

const isAsked = Promise.withResolvers<undefined>();
const letGo = Promise.withResolvers<undefined>();
const extension: Extension = ({ addRouter }) => {
  const router = Router();
  router.get('/large', (_req, res) => {
    res.end(Buffer.alloc(LARGE_BYTES, 'x'));
  });
  router.get('/slow', async (_req, res) => {
    isAsked.resolve(undefined);
    await letGo.promise;
    res.json({});
  });
  addRouter('/test', router);
};

function get(url: string, agent: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent }, resolve).once('error', reject).end();
  });
}

test('an answer that is complete is sent to the end though its reader is slow', async () => {
  const node = await startApp({ extensions: [extension] });
  const agent = new Agent({ keepAlive: true });
  atEnd(() => {
    agent.destroy();
  });
  const answer = await get(`${node.url}/test/large`, agent);
  const stopped = node.close();
  // Long enough for several looks at what is idle.
  await new Promise((resolve) => setTimeout(resolve, 300));
  let bytes = 0;
  for await (const chunk of answer) bytes += (chunk as Buffer).length;
  assert.equal(bytes, LARGE_BYTES);
  await stopped;
});

test('a connection that idles is closed, but not before the answers on the others are sent', async () => {
  const node = await startApp({ extensions: [extension] });
  const idle = await connectTcp(node.url);
  idle.socket.write('GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n');
  await idle.until((bytes) => bytes.includes('{"status":"ok"}'));
  const answer = fetch(`${node.url}/test/slow`);
  await isAsked.promise;
  const stopped = node.close();
  await eventually(async () => (await tryConnect(node.url)) === 'refused', 'nothing is accepted');
  letGo.resolve(undefined);
  assert.equal((await answer).status, 200);
  await Promise.all([idle.closed, stopped]);
});

async function tryConnect(url: string): Promise<'accepted' | 'refused'> {
  const refused = () => 'refused' as const;
  return fetch(`${url}/healthz`).then(() => 'accepted' as const, refused);
}
