import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { isRevocation } from '../revocation/revocation.ts';
import type { Principal } from '../use-cases/authenticate-token.ts';
import type { Lease } from '../revocation/lease.ts';
import { CLOSE_CODES, type CloseReason } from './close-codes.ts';
import { useBucket } from './use-bucket.ts';

/** A frame on its way to the client. */
export interface ServerFrame {
  type: string;
  [field: string]: unknown;
}

/** So many in so many seconds. */
interface Rate {
  points: number;
  seconds: number;
}

/** A client that lets this much pile up is not reading. */
const MAX_BUFFERED_BYTES = 256 * 1024;
/** Of so many kinds of frames the newest waits for a slow client; it is for kinds, not for keys of the world. */
const MAX_WAITING = 32;

/**
 * One socket, from before its handshake is answered. Once gated it is dead: no frame of its is processed and
 * none is handed to the kernel but the last two.
 */
export class Connection {
  readonly id: string;
  /** Whether the client has been heard since it was last pinged. */
  isAlive = true;
  /** Of the heartbeat. */
  slice = 0;
  /** Called when it is gone. */
  onClosed: (() => void) | null = null;
  readonly #lease: Lease;
  #principal: Principal;
  /** What came while nothing may be served. */
  #held: (() => void)[] | null = null;
  /** By kind, the newest frame of those that a slow client need not see all of. */
  #waiting: Map<string, string> | null = null;
  /** Its bucket of frames, on the steady clock. */
  #fullAt = 0;
  #webSocket: WebSocket | null = null;
  #transport: Duplex | null = null;
  #gatedFor: CloseReason | null = null;

  constructor(id: string, principal: Principal, lease: Lease) {
    this.id = id;
    this.#principal = principal;
    this.#lease = lease;
  }

  /** Who it acts as; of one session from its beginning to its end. */
  get principal(): Principal {
    return this.#principal;
  }

  /** It lives on by a newer token of its session. */
  renew(principal: Principal): void {
    this.#principal = principal;
  }

  /** Why the socket is dead, though it may not be closed yet; null while it lives. */
  get gatedFor(): CloseReason | null {
    return this.#gatedFor;
  }

  /** Whether its handshake has been answered. */
  get isOpen(): boolean {
    return this.#webSocket !== null;
  }

  /** Whether more waits for the client than the kernel takes. */
  get isSlow(): boolean {
    return this.#transport?.writableNeedDrain === true;
  }

  attach(webSocket: WebSocket, transport: Duplex): void {
    this.#webSocket = webSocket;
    this.#transport = transport;
  }

  /** @param frame An object, or its JSON. */
  send(frame: ServerFrame | string): void {
    this.whenServed(() => {
      if (this.#webSocket === null) return;
      if (this.#isBackedUp()) this.close('slow_reader');
      else this.#webSocket.send(toText(frame));
    });
  }

  /** Sends a frame; where the client is slow to read, only the newest of its kind. */
  sendLatest(kind: string, frame: ServerFrame | string): void {
    this.whenServed(() => {
      const isFull = (this.#waiting?.size ?? 0) >= MAX_WAITING && !this.#waiting?.has(kind);
      if (!this.isSlow || isFull) this.send(frame);
      else this.#makeWaiting().set(kind, toText(frame));
    });
  }

  /** Whether the client may send one more frame now. */
  mayReceive({ points, seconds }: Rate, steadyMs: number): boolean {
    const bucket = { burst: points, intervalMs: (seconds * 1000) / points };
    const fullAt = useBucket(this.#fullAt, bucket, steadyMs);
    this.#fullAt = fullAt ?? this.#fullAt;
    return fullAt !== null;
  }

  /** Runs `task`, unless the socket is dead; where the node lost its lease, when that is held again, in their order. */
  whenServed(task: () => void): void {
    if (this.#gatedFor !== null) return;
    if (!this.#isHolding() && this.#lease.isHeld) {
      task();
      return;
    }
    this.#held ??= [];
    this.#held.push(task);
    this.#webSocket?.pause();
  }

  /** The lease is held again. */
  release(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    for (const task of held) this.whenServed(task);
    if (!this.#isHolding()) this.#webSocket?.resume();
  }

  ping(): void {
    if (this.#gatedFor !== null) return;
    this.isAlive = false;
    this.#webSocket?.ping();
  }

  pong(data: Buffer): void {
    if (this.#gatedFor !== null) return;
    if (this.#isBackedUp()) this.close('slow_reader');
    else this.#webSocket?.pong(data);
  }

  /** Gates at once, so that a sweep of many need not close them all in one turn of the event loop. */
  gate(reason: CloseReason): void {
    this.#gatedFor ??= reason;
  }

  /**
   * Gates, and closes for the reason that it was first gated for. The peer has a second to answer (the
   * server's `closeTimeout`). False where there is nothing left to close.
   */
  close(reason: CloseReason): boolean {
    this.gate(reason);
    const webSocket = this.#webSocket;
    if (webSocket === null || this.#gatedFor === null || webSocket.readyState !== WebSocket.OPEN) {
      return false;
    }
    // One that was held reads nothing: its peer's answer to the close would not be heard.
    webSocket.resume();
    if (!isRevocation(this.#gatedFor)) {
      webSocket.close(CLOSE_CODES[this.#gatedFor].code, this.#gatedFor);
    } else if (webSocket.bufferedAmount > 0) {
      // What is queued in front would reach the client after the end of its session.
      webSocket.terminate();
    } else {
      // Both frames in one write: one system call here, one wake-up there.
      this.#transport?.cork();
      webSocket.send(`{"type":"revoked","reason":"${this.#gatedFor}"}`);
      webSocket.close(CLOSE_CODES[this.#gatedFor].code, this.#gatedFor);
      this.#transport?.uncork();
    }
    return true;
  }

  #makeWaiting(): Map<string, string> {
    if (this.#waiting !== null) return this.#waiting;
    const waiting = new Map<string, string>();
    this.#waiting = waiting;
    this.#transport?.once('drain', () => {
      this.#waiting = null;
      for (const frame of waiting.values()) this.send(frame);
    });
    return waiting;
  }

  #isHolding(): boolean {
    return this.#held !== null;
  }

  #isBackedUp(): boolean {
    return (this.#webSocket?.bufferedAmount ?? 0) > MAX_BUFFERED_BYTES;
  }
}

function toText(frame: ServerFrame | string): string {
  return typeof frame === 'string' ? frame : JSON.stringify(frame);
}
