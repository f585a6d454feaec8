/** `phone`: signed in by a one-time code; `account`: by e-mail and password. */
export type SessionKind = 'phone' | 'account';

export type Role = 'rider' | 'driver' | 'viewer' | 'editor' | 'admin';

export interface User {
  id: number;
  phone_number: string | null;
  email: string | null;
  username: string | null;
  /** The role that the session acts in. */
  role: Role;
  roles: Role[];
  is_active: boolean;
  email_verified: boolean;
  totp_enabled: boolean;
  /** ISO 8601, as all times. */
  created_at: string;
  last_login: string | null;
}

/** The session of this client. */
export interface Session {
  readonly kind: SessionKind;
  readonly user: User;
  /** When the access token expires, by this machine's clock. */
  readonly expiresAt: Date;
  /** For a request that this client does not send itself. Changes with every refresh: do not keep it. */
  readonly accessToken: string;
}

/** One of the user's sessions, on whatever device. */
export interface SessionInfo {
  id: string;
  kind: SessionKind | 'cookie';
  role: Role;
  device_name: string | null;
  user_agent: string | null;
  ip: string | null;
  created_at: string;
  last_seen_at: string;
  expires_at: string;
  is_current: boolean;
}

export interface SessionPage {
  sessions: SessionInfo[];
  /** For the next page; null at the end. */
  next_cursor: string | null;
}

/** Why nobody is signed in any more. */
export interface SignedOut {
  /**
   * `logout` by this client, `elsewhere` in another tab, `refresh_refused` where the service does not renew the session;
   * else what the socket was closed with, such as `session_revoked` or `token_reuse`.
   */
  reason: string;
  /** Of the socket's close: 4500 to 4504. */
  code?: number;
  /** A sentence for people. */
  detail: string;
}
