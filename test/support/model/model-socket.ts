import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';

/** A text frame, masked with zeros (RFC 6455 §5.2). */
const PROBE = Buffer.concat([
  Buffer.from([0x81, 0x80 | '{"type":"probe"}'.length, 0, 0, 0, 0]),
  Buffer.from('{"type":"probe"}'),
]);
/** What the server answers it with. */
export const PROBE_ANSWER = { type: 'served' };

/** A client's socket, on which it never stops asking. */
export class ModelSocket {
  readonly sessionId: string;
  readonly startedAt: number;
  /** The server's end. */
  readonly transport: Duplex;
  readonly #client: Duplex;
  #isOpen = false;
  #unanswered = 0;

  constructor(sessionId: string, startedAt: number) {
    this.sessionId = sessionId;
    this.startedAt = startedAt;
    const [client, transport] = duplexPair();
    this.#client = client;
    this.transport = transport;
    client.on('error', () => undefined);
    client.on('data', (data: Buffer) => {
      const text = data.toString('latin1');
      if (text.startsWith('HTTP/1.1 101 ')) this.#isOpen = true;
      this.#unanswered -= text.split(PROBE_ANSWER.type).length - 1;
    });
    client.once('end', () => {
      this.#isOpen = false;
    });
  }

  /** The handshake as Node's HTTP parser hands it over. */
  request(token: string): IncomingMessage {
    return Object.assign(new IncomingMessage(new Socket()), {
      url: '/ws',
      method: 'GET',
      headers: {
        authorization: `Bearer ${token}`,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      },
    });
  }

  /** Open, and whatever was asked has been answered. */
  get isServed(): boolean {
    return this.#isOpen && this.#unanswered === 0;
  }

  probe(): void {
    if (!this.#isOpen || !this.#client.writable) return;
    this.#unanswered += 1;
    this.#client.write(PROBE);
  }

  destroy(): void {
    this.#isOpen = false;
    this.transport.destroy();
    this.#client.destroy();
  }
}
