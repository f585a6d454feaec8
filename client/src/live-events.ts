import type { Close } from './close-codes.ts';
import type {
  DrainFrame,
  ExpiryFrame,
  Frame,
  PushedEvent,
  ReadyFrame,
  RevokedFrame,
} from './frames.ts';

/** `connecting`, `open` from the `ready` frame on, `waiting` before the next attempt, `closed` for good. */
export type LiveState = 'connecting' | 'open' | 'waiting' | 'closed';

export interface StateChange {
  state: LiveState;
  /** Of `waiting`: how long. */
  retryInMs?: number;
  /** Of `waiting` and `closed`: why, for people. */
  reason?: string;
}

/** A frame as it came or went; the access token of a `refresh` is shown as `…`. */
export interface SeenFrame {
  direction: 'in' | 'out';
  frame: Frame;
  at: Date;
}

export interface LiveEvents {
  state: StateChange;
  /** The first frame of every connection: what was missed before it must be read again. */
  ready: ReadyFrame;
  event: PushedEvent;
  drain: DrainFrame;
  token_expiring: ExpiryFrame;
  refreshed: ExpiryFrame;
  revoked: RevokedFrame;
  frame: SeenFrame;
  close: Close;
}
