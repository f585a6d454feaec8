import { WebSocket } from 'ws';

/**
 * What a client does with `drain`: all that docs/sockets.md says (`early`: it connects elsewhere while the old socket is
 * open), nothing until its socket is closed (`at_close`), or only then waiting for the time that it was told
 * (`after_close`).
 */
export const KINDS = ['early', 'at_close', 'after_close'] as const;
export type Kind = (typeof KINDS)[number];

/** What a client got, in the order in which it came: an event by its number, or that it is connected. */
export type Entry = { number: number } | { readyAt: number };

/** A time without a socket, and what the client had been told to wait. */
interface Offline {
  ms: number;
  toldMs: number;
}

const FIRST_BACK_OFF_MS = 250;
const MAX_BACK_OFF_MS = 30_000;
const HANDSHAKE_TIMEOUT_MS = 5000;

/** Milliseconds since the epoch, finer than `Date.now` and the same in every process of the machine. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

export class Client {
  readonly kind: Kind;
  readonly entries: Entry[] = [];
  readonly offline: Offline[] = [];
  /** How often sockets of it were closed with each code, and handshakes refused with each status. */
  readonly closes = new Map<number, number>();
  readonly refusals = new Map<number, number>();
  /** How often it was told to move. */
  drains = 0;
  readonly #url: string;
  readonly #token: string;
  /** The one that is `ready` and newest. */
  #current: WebSocket | null = null;
  #next: 'none' | 'waiting' | 'connecting' = 'none';
  #drained: { at: number; delayMs: number } | null = null;
  #offlineSince: number | null = null;
  #attempts = 0;

  constructor(kind: Kind, url: string, token: string) {
    this.kind = kind;
    this.#url = url;
    this.#token = token;
  }

  /** Whether it has a socket that is ready. */
  get isOnline(): boolean {
    return this.#current !== null;
  }

  connect(): void {
    this.#next = 'connecting';
    const socket = new WebSocket(this.#url, {
      headers: { authorization: `Bearer ${this.#token}` },
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    let isReady = false;
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      if (frame.type === 'ready') {
        isReady = true;
        this.#takeOver(socket);
      } else if (frame.type === 'event') {
        this.entries.push({ number: (frame.data as { number: number }).number });
      } else if (frame.type === 'drain' && socket === this.#current) {
        this.#drain(Number(frame.reconnect_after_ms));
      }
    });
    socket.on('unexpected-response', (_request, response) => {
      addOne(this.refusals, response.statusCode ?? 0);
      response.destroy();
      this.#connectIn(this.#backOffMs());
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      if (isReady) this.#noteClose(socket, code);
      else if (this.#next === 'connecting') this.#connectIn(this.#backOffMs());
    });
  }

  #takeOver(socket: WebSocket): void {
    const now = wallMs();
    if (this.#offlineSince !== null) {
      this.offline.push({ ms: now - this.#offlineSince, toldMs: this.#drained?.delayMs ?? 0 });
    } else if (this.#current !== null) {
      this.offline.push({ ms: 0, toldMs: this.#drained?.delayMs ?? 0 });
    }
    // The one before it, if it is still open, is closed by its node.
    this.#current = socket;
    this.#next = 'none';
    this.#offlineSince = null;
    this.#drained = null;
    this.#attempts = 0;
    this.entries.push({ readyAt: now });
  }

  #drain(delayMs: number): void {
    this.drains += 1;
    this.#drained = { at: wallMs(), delayMs };
    if (this.kind === 'early') this.#connectIn(delayMs);
  }

  #noteClose(socket: WebSocket, code: number): void {
    addOne(this.closes, code);
    if (socket !== this.#current) return;
    this.#current = null;
    this.#offlineSince = wallMs();
    if (this.#next === 'none') this.#connectIn(this.#waitAfter(code));
  }

  #waitAfter(code: number): number {
    if (code !== 1012 || this.#drained === null) return this.#backOffMs();
    const { at, delayMs } = this.#drained;
    return this.kind === 'after_close' ? delayMs : Math.max(0, at + delayMs - wallMs());
  }

  #connectIn(ms: number): void {
    this.#next = 'waiting';
    setTimeout(() => {
      this.connect();
    }, ms);
  }

  /** Full jitter. */
  #backOffMs(): number {
    const longest = Math.min(MAX_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** this.#attempts);
    this.#attempts += 1;
    return Math.random() * longest;
  }
}

function addOne(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
