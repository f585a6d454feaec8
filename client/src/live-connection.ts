import type { Frame, ReadyFrame } from './frames.ts';
import { Heartbeat } from './heartbeat.ts';
import type { WebSocketConstructor, WebSocketLike } from './platform.ts';
import type { Timing } from './timing.ts';

const PROTOCOL = 'medallion.v1';
const BEARER_PROTOCOL = 'medallion.bearer.';
const OPEN = 1;
/** From the first byte to the `ready` frame. */
const HANDSHAKE_PATIENCE_MS = 15_000;
/** RFC 6455 §7.1.5: what a lost connection is called. */
const LOST = 1006;

interface ConnectionParts {
  url: string;
  WebSocket: WebSocketConstructor;
  timing: Timing;
  onFrame: (frame: Frame) => void;
  /** Every frame that goes out, as it may be shown. */
  onSent: (frame: Frame) => void;
  /** Once, and nothing comes after it. */
  onEnd: (end: { code: number; reason: string }) => void;
  onError: (error: unknown) => void;
}

/** One WebSocket, from the handshake to its end. */
export class LiveConnection {
  readonly #parts: ConnectionParts;
  readonly #socket: WebSocketLike;
  readonly #heartbeat: Heartbeat;
  readonly #cancelPatience: () => void;
  #hasEnded = false;
  /** The access token that it lives by. */
  token: string;

  /** @throws What the constructor of the WebSocket throws. */
  constructor(token: string, parts: ConnectionParts) {
    const { url, WebSocket, timing } = parts;
    this.#parts = parts;
    this.token = token;
    this.#heartbeat = new Heartbeat({
      timing,
      ping: () => {
        this.send({ type: 'ping' });
      },
      onDead: () => {
        this.#abandon('no_pong');
      },
    });
    // In a subprotocol, because a page cannot set headers; never in the URL, which is in every log.
    this.#socket = new WebSocket(url, [PROTOCOL, BEARER_PROTOCOL + token]);
    this.#cancelPatience = timing.after(HANDSHAKE_PATIENCE_MS, () => {
      this.#abandon('not_ready');
    });
    this.#listen();
  }

  send(frame: Frame): void {
    if (this.#hasEnded || this.#socket.readyState !== OPEN) return;
    this.#socket.send(JSON.stringify(frame));
    this.#parts.onSent('access_token' in frame ? { ...frame, access_token: '…' } : frame);
  }

  /** Makes sure that the other side is still there. */
  probe(): void {
    this.#heartbeat.probe();
  }

  /** Ends it without a word to the listeners. */
  discard(): void {
    if (this.#hasEnded) return;
    this.#stop();
    this.#close();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.addEventListener('message', ({ data }: { data: unknown }) => {
      if (!this.#hasEnded) this.#read(data);
    });
    socket.addEventListener('close', ({ code, reason }: { code?: number; reason?: string }) => {
      this.#end({ code: code ?? LOST, reason: reason ?? '' });
    });
    socket.addEventListener('error', () => {
      // Of an open socket the close says more; of a refused handshake not every platform tells the close.
      if (socket.readyState !== OPEN)
        this.#parts.timing.after(0, () => {
          this.#abandon('');
        });
    });
  }

  #read(data: unknown): void {
    this.#heartbeat.heard();
    let frame: Frame;
    try {
      frame = JSON.parse(String(data)) as Frame;
    } catch (error) {
      this.#parts.onError(error);
      return;
    }
    if (frame.type === 'ready') {
      this.#cancelPatience();
      this.#heartbeat.start((frame as ReadyFrame).heartbeat_seconds);
    }
    this.#parts.onFrame(frame);
  }

  /** The connection of which nothing is heard may take minutes to close. */
  #abandon(reason: string): void {
    if (this.#hasEnded) return;
    this.#end({ code: LOST, reason });
    this.#close();
  }

  #end(end: { code: number; reason: string }): void {
    if (this.#hasEnded) return;
    this.#stop();
    this.#parts.onEnd(end);
  }

  #stop(): void {
    this.#hasEnded = true;
    this.#cancelPatience();
    this.#heartbeat.stop();
  }

  #close(): void {
    try {
      this.#socket.close(1000);
    } catch (error) {
      this.#parts.onError(error);
    }
  }
}
