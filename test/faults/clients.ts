import assert from 'node:assert/strict';
import { once } from 'node:events';
import { WebSocket } from 'ws';

const PING_EVERY_MS = 50;
const PATIENCE_MS = 10_000;

export interface Session {
  accessToken: string;
  sessionId: string;
  userId: number;
}

let numbersGiven = 0;

/** Signs a new person in, as the phone app does it; the code is read where a developer reads it. */
export async function signIn(url: string): Promise<Session> {
  numbersGiven += 1;
  const phone_number = `+1415555${String(1000 + numbersGiven)}`;
  await call(`${url}/api/v2/auth/send-otp`, { phone_number });
  const outbox = (await call(`${url}/dev/outbox`)) as { messages: { to: string; code: string }[] };
  const otp = outbox.messages.find(({ to }) => to === phone_number)?.code;
  const { access_token, user } = (await call(`${url}/api/v2/auth/verify-otp`, {
    phone_number,
    otp,
  })) as { access_token: string; user: { id: number } };
  const { jti } = JSON.parse(
    Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString(),
  ) as { jti: string };
  return { accessToken: access_token, sessionId: jti.split('.')[0] ?? '', userId: user.id };
}

async function call(url: string, body?: object): Promise<unknown> {
  const answer = await fetch(url, {
    ...(body && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${url} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as unknown;
}

/** A live socket that pings all the while, and notes what it is served; times are those of the wall clock. */
export class PingingSocket {
  lastFrameAt = 0;
  closedAt: number | null = null;
  closeCode: number | null = null;
  /** The longest time that no frame came, while it was open. */
  longestSilenceMs = 0;
  readonly #socket: WebSocket;
  readonly #pinging: NodeJS.Timeout;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.lastFrameAt = Date.now();
    this.#pinging = setInterval(() => {
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"ping"}');
    }, PING_EVERY_MS);
    socket.on('message', (data: Buffer) => {
      if (!data.toString().includes('"revoked"')) this.#noteFrame();
    });
    socket.on('close', (code) => {
      clearInterval(this.#pinging);
      this.closedAt = Date.now();
      this.closeCode = code;
    });
  }

  static async open(url: string, { accessToken }: Session): Promise<PingingSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    await once(socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
    socket.on('error', () => undefined);
    return new PingingSocket(socket);
  }

  get isOpen(): boolean {
    return this.closedAt === null;
  }

  end(): void {
    this.#socket.terminate();
  }

  #noteFrame(): void {
    const now = Date.now();
    this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.lastFrameAt);
    this.lastFrameAt = now;
  }
}
