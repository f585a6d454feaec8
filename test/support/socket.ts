import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { WebSocket, type ClientOptions } from 'ws';
import { checkAnswer } from './api/watch-answers.ts';
import { FrameWatch } from './api/watch-frames.ts';
import { atEnd } from './teardown.ts';

export type Frame = { type: string } & Record<string, unknown>;

/** A live socket as a client sees it: every frame is kept until it is asked for. */
export interface TestSocket {
  ws: WebSocket;
  frames: Frame[];
  /** The next frame of this type that has not been taken yet. */
  next: (type: string) => Promise<Frame>;
  send: (frame: unknown) => void;
  closed: Promise<{ code: number; reason: string }>;
}

const PATIENCE_MS = 5000;

export function openWebSocket(
  url: string,
  options: ClientOptions,
  protocols: string[] = [],
): WebSocket {
  const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/ws`, protocols, {
    // Zeros leave what is sent readable: the search for secrets at rest must know what it is.
    generateMask: (mask) => mask.fill(0),
    ...options,
  });
  ws.on('error', () => undefined);
  atEnd(() => {
    ws.terminate();
  });
  return ws;
}

/** Opens a socket and takes its `ready` frame. */
export async function connect(url: string, token: string): Promise<TestSocket & { ready: Frame }> {
  const ws = openWebSocket(url, { headers: { authorization: `Bearer ${token}` } });
  const socket = listen(ws);
  return { ...socket, ready: await socket.next('ready') };
}

/** Collects a socket's frames from its first byte on. */
export function listen(ws: WebSocket): TestSocket {
  const frames: Frame[] = [];
  const watch = new FrameWatch();
  ws.on('message', (data: Buffer) => {
    const frame = JSON.parse(data.toString()) as Frame;
    watch.received(frame);
    frames.push(frame);
  });
  const closed = once(ws, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
  }));
  const next = async (type: string): Promise<Frame> => {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const index = frames.findIndex((frame) => frame.type === type);
      const [frame] = index < 0 ? [] : frames.splice(index, 1);
      if (frame !== undefined) return frame;
      assert.ok(ws.readyState <= WebSocket.OPEN, `closed before a ${type} frame came`);
      assert.ok(Date.now() < deadline, `no ${type} frame came`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const send = (frame: unknown): void => {
    watch.sent(frame);
    ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  };
  return { ws, frames, next, send, closed };
}

export interface Refusal {
  status: number;
  headers: IncomingMessage['headers'];
  body: { code: string; detail: string; request_id: string };
}

/** A handshake that must be refused: the HTTP answer to it. */
export async function refused(
  url: string,
  options: ClientOptions,
  protocols: string[] = [],
): Promise<Refusal> {
  const ws = openWebSocket(url, options, protocols);
  const answer = await Promise.race([
    once(ws, 'unexpected-response'),
    once(ws, 'open').then(() => assert.fail('the handshake was accepted')),
  ]);
  const response = answer[1] as IncomingMessage;
  const body = Buffer.concat((await response.toArray()) as Buffer[]).toString();
  const { statusCode: status = 0, headers } = response;
  checkAnswer({ method: 'GET', url: '/ws', status, headers, body });
  return { status, headers, body: JSON.parse(body) as Refusal['body'] };
}
