import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { startApp } from './support/app.ts';

const app = await startApp();

function open(headers: string[]): Socket {
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  const lines = ['POST /api/v2/auth/send-otp HTTP/1.1', 'Host: node', ...headers];
  socket.write(`${lines.join('\r\n')}\r\nContent-Type: application/json\r\n\r\n`);
  return socket;
}

async function answerOf(socket: Socket): Promise<string> {
  const [first] = (await once(socket, 'data', { signal: AbortSignal.timeout(5000) })) as [Buffer];
  return first.toString();
}

test('answers a body that is announced as too large before a byte of it has come', async () => {
  const socket = open(['Content-Length: 99999999999']);
  const answer = await answerOf(socket);
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /^Connection: close\r$/m);
  assert.match(answer, /"code":"payload_too_large"/);
  await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
});

test('answers a body without an end at the first byte too many, and ends the connection', async () => {
  const socket = open(['Transfer-Encoding: chunked']);
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`;
  const sending = setInterval(() => socket.write(chunk), 5);
  try {
    assert.match(await answerOf(socket), /^HTTP\/1.1 413 /);
    await once(socket, 'close', { signal: AbortSignal.timeout(5000) });
  } finally {
    clearInterval(sending);
    socket.destroy();
  }
});
