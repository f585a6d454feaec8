/**
 * Opens sockets as fast as they are accepted, reads the first frame of each and drops it. A worker. It speaks TCP: a
 * WebSocket library would cost more here than there.
 */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';

import { doJobs } from './worker.ts';

export interface HandshakeJob {
  port: number;
  path: string;
  /** Used in turns. */
  tokens: string[];
  ms: number;
  atOnce: number;
}

export interface HandshakeResult {
  /** Of those that were answered in time. */
  perSecond: number;
}

doJobs(async ({ port, path, tokens, ms, atOnce }: HandshakeJob): Promise<HandshakeResult> => {
  const endsAt = performance.now() + ms;
  let next = 0;
  let done = 0;
  const runClient = async () => {
    while (performance.now() < endsAt) {
      await shakeHands(port, path, tokens[next++ % tokens.length] ?? '');
      if (performance.now() <= endsAt) done += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runClient));
  return { perSecond: (done * 1000) / ms };
});

function shakeHands(port: number, path: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.includes('"ready"')) return;
      // A reset leaves no port waiting: there are too few of them for this.
      socket.resetAndDestroy();
      resolve();
    });
    socket.on('error', reject);
    socket.on('end', () => {
      reject(new Error(`refused: ${text}`));
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        'X-Forwarded-For: 203.0.113.7\r\n' +
        `Authorization: Bearer ${token}\r\n\r\n`,
    );
  });
}
