import type { SessionKind, User } from './users.ts';

/** A session as it is kept in a storage. */
export interface StoredSession {
  /** Of this sign-in, so that its successor is never taken for it. */
  id: string;
  kind: SessionKind;
  user: User;
  accessToken: string;
  refreshToken: string;
  /** Of the access token, when it was received. */
  expiresInSeconds: number;
  /** When that was, by this machine's wall clock. */
  receivedAtMs: number;
}

/** All that is kept. */
export interface StoredState {
  deviceId: string;
  session: StoredSession | null;
}

const VERSION = 1;

/** A JWT, and so nothing that could break out of a header or the name of a subprotocol. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const DEVICE_ID = /^[\w.:-]{1,128}$/;

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

export function isDeviceId(value: unknown): value is string {
  return typeof value === 'string' && DEVICE_ID.test(value);
}

export function serializeState(state: StoredState): string {
  return JSON.stringify({ version: VERSION, ...state });
}

/** Null where the value is not of ours, or broken: then nobody is signed in. */
export function parseState(value: string | null): StoredState | null {
  try {
    const state = JSON.parse(value ?? '') as StoredState & { version: number };
    if (state.version !== VERSION || !isDeviceId(state.deviceId)) return null;
    const session = isSession(state.session) ? state.session : null;
    return { deviceId: state.deviceId, session };
  } catch {
    return null;
  }
}

function isSession(value: unknown): value is StoredSession {
  if (typeof value !== 'object' || value === null) return false;
  const session = value as Partial<Record<keyof StoredSession, unknown>>;
  return (
    typeof session.id === 'string' &&
    (session.kind === 'phone' || session.kind === 'account') &&
    typeof session.user === 'object' &&
    session.user !== null &&
    isToken(session.accessToken) &&
    isToken(session.refreshToken) &&
    Number.isFinite(session.expiresInSeconds) &&
    Number.isFinite(session.receivedAtMs)
  );
}
