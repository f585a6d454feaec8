import type { Connection, ServerFrame } from './connection.ts';

/** The first frame. */
export function readyFrame(connection: Connection, heartbeatSeconds: number): ServerFrame {
  const { sessionId, userId, role } = connection.principal;
  return {
    type: 'ready',
    connection_id: connection.id,
    session_id: sessionId,
    user_id: userId,
    role,
    expires_at: expiryOf(connection),
    heartbeat_seconds: heartbeatSeconds,
  };
}

/** A minute before the socket's token expires. */
export function expiringFrame(connection: Connection): ServerFrame {
  return { type: 'token_expiring', expires_at: expiryOf(connection) };
}

/** When the socket ends, unless it is refreshed: ISO 8601. */
export function expiryOf({ principal }: Connection): string {
  return new Date(principal.expiresAt * 1000).toISOString();
}
