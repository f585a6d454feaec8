import type { Role } from './users.ts';

/** Any frame, those of a team's own message types among them. */
export interface Frame {
  type: string;
  /** The client's own; comes back in the answer. */
  ref?: string | number;
  [field: string]: unknown;
}

export interface ReadyFrame extends Frame {
  type: 'ready';
  connection_id: string;
  session_id: string;
  user_id: number;
  role: Role;
  /** ISO 8601, as all times. */
  expires_at: string;
  heartbeat_seconds: number;
}

export interface ExpiryFrame extends Frame {
  type: 'token_expiring' | 'refreshed';
  expires_at: string;
}

export interface DrainFrame extends Frame {
  type: 'drain';
  reconnect_after_ms: number;
}

export interface RevokedFrame extends Frame {
  type: 'revoked';
  reason: string;
}

/** Pushed by the back end. */
export interface PushedEvent {
  event: string;
  data: unknown;
}

export interface Point {
  /** Degrees, WGS 84. */
  lat: number;
  lng: number;
}

export interface Location extends Point {
  /** Degrees from north. */
  heading?: number | null;
  /** Metres a second. */
  speed?: number | null;
}

export interface Circle extends Point {
  radius_m: number;
}

/** To riders `driver` is an id of the day; staff get `user_id`, and what was reported exactly. */
export interface NearbyDriver extends Point {
  driver?: string;
  user_id?: number;
  distance_m: number;
  updated_at: string;
  heading?: number;
  speed?: number;
}
