import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Frame } from '../socket.ts';
import { atEnd } from '../teardown.ts';

const PATIENCE_MS = 10_000;

/** A socket whose frames are masked as a client's are: what is sent at random is no secret to be looked for. */
export class FuzzSocket {
  readonly frames: Frame[] = [];
  readonly closed: Promise<number>;
  readonly #ws: WebSocket;

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on('message', (data: Buffer) => this.frames.push(JSON.parse(data.toString()) as Frame));
    ws.on('error', () => undefined);
    this.closed = once(ws, 'close').then(([code]) => code as number);
    atEnd(() => {
      ws.terminate();
    });
  }

  static async open(nodeUrl: string, token: string): Promise<FuzzSocket> {
    const url = `${nodeUrl.replace('http', 'ws')}/ws`;
    const ws = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    const socket = new FuzzSocket(ws);
    await socket.until(1);
    assert.equal(socket.frames.pop()?.type, 'ready');
    return socket;
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  send(text: string): void {
    this.#ws.send(text);
  }

  /** Until so many frames have come. */
  async until(count: number): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.frames.length < count && performance.now() < deadline) {
      assert.ok(this.#ws.readyState <= WebSocket.OPEN, 'the socket was closed');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  close(): void {
    this.#ws.close();
  }
}
