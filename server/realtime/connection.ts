import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { isRevocation } from '../revocation/revocation.ts';
import type { Principal } from '../use-cases/authenticate-token.ts';
import type { Lease } from '../revocation/lease.ts';
import { CLOSE_CODES, type CloseReason } from './close-codes.ts';

/** A frame on its way to the client. */
export interface ServerFrame {
  type: string;
  [field: string]: unknown;
}

/** A client that lets this much pile up is not reading. */
const MAX_BUFFERED_BYTES = 256 * 1024;

/**
 * One socket, from before its handshake is answered. Once gated it is dead: no frame of its is processed and
 * none is handed to the kernel but the last two.
 */
export class Connection {
  readonly id: string;
  readonly principal: Principal;
  /** Whether the client has been heard since it was last pinged. */
  isAlive = true;
  readonly #lease: Lease;
  /** What came while nothing may be served. */
  readonly #held: (() => void)[] = [];
  #webSocket: WebSocket | null = null;
  #transport: Duplex | null = null;
  #gatedFor: CloseReason | null = null;

  constructor(id: string, principal: Principal, lease: Lease) {
    this.id = id;
    this.principal = principal;
    this.#lease = lease;
  }

  /** Why the socket is dead, though it may not be closed yet; null while it lives. */
  get gatedFor(): CloseReason | null {
    return this.#gatedFor;
  }

  /** Whether its handshake has been answered. */
  get isOpen(): boolean {
    return this.#webSocket !== null;
  }

  attach(webSocket: WebSocket, transport: Duplex): void {
    this.#webSocket = webSocket;
    this.#transport = transport;
  }

  send(frame: ServerFrame): void {
    this.whenServed(() => {
      if (this.#webSocket === null) return;
      if (this.#isBackedUp()) this.close('slow_reader');
      else this.#webSocket.send(JSON.stringify(frame));
    });
  }

  /** Runs `task`, unless the socket is dead; where the node lost its lease, when that is held again, in their order. */
  whenServed(task: () => void): void {
    if (this.#gatedFor !== null) return;
    if (this.#held.length === 0 && this.#lease.isHeld) {
      task();
      return;
    }
    this.#held.push(task);
    this.#webSocket?.pause();
  }

  /** The lease is held again. */
  release(): void {
    if (this.#held.length === 0) return;
    for (const task of this.#held.splice(0)) this.whenServed(task);
    if (this.#held.length === 0) this.#webSocket?.resume();
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
   * server's `closeTimeout`).
   */
  close(reason: CloseReason): void {
    this.gate(reason);
    const webSocket = this.#webSocket;
    if (webSocket === null || this.#gatedFor === null || webSocket.readyState !== WebSocket.OPEN) {
      return;
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
  }

  #isBackedUp(): boolean {
    return (this.#webSocket?.bufferedAmount ?? 0) > MAX_BUFFERED_BYTES;
  }
}
