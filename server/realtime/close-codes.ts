import type { RevocationReason } from '../revocation/revocation.ts';

/** What the client does after a close. */
export type ClientAction = 'reconnect' | 'refresh-then-reconnect' | 'back-off' | 'fix' | 'sign-in';

interface CloseCode {
  code: number;
  client: ClientAction;
  sentence: string;
}

/** Why we close a socket. 4500 to 4504 are terminal: the credentials are dead, nothing reconnects with them. */
export const CLOSE_CODES = {
  draining: { code: 1012, client: 'reconnect', sentence: 'This node is stopping' },
  no_proof: {
    code: 1013,
    client: 'back-off',
    sentence: 'This node cannot prove that it knows every revocation',
  },
  not_the_protocol: { code: 4400, client: 'fix', sentence: 'Frames are JSON in text' },
  foreign_token: {
    code: 4400,
    client: 'fix',
    sentence: 'A socket lives on only by a token of its own session',
  },
  token_expired: {
    code: 4401,
    client: 'refresh-then-reconnect',
    sentence: 'The access token has expired',
  },
  role_changed: {
    code: 4403,
    client: 'refresh-then-reconnect',
    sentence: 'The roles of the user were changed',
  },
  token_revoked: {
    code: 4401,
    client: 'refresh-then-reconnect',
    sentence: 'The access token was revoked',
  },
  no_pong: { code: 4408, client: 'back-off', sentence: 'A ping was not answered' },
  slow_reader: { code: 4408, client: 'back-off', sentence: 'Frames are not read fast enough' },
  too_many_messages: {
    code: 4429,
    client: 'back-off',
    sentence: 'Frames come faster than they may',
  },
  logout: { code: 4500, client: 'sign-in', sentence: 'The session was logged out' },
  session_revoked: { code: 4500, client: 'sign-in', sentence: 'The session was ended' },
  logout_all: { code: 4501, client: 'sign-in', sentence: 'All sessions were ended' },
  admin: { code: 4501, client: 'sign-in', sentence: 'All sessions were ended by staff' },
  credentials_changed: {
    code: 4501,
    client: 'sign-in',
    sentence: 'The password or second factor was changed',
  },
  token_reuse: {
    code: 4502,
    client: 'sign-in',
    sentence: 'A used refresh token came back: it was stolen',
  },
  replaced: {
    code: 4503,
    client: 'sign-in',
    sentence: 'Another session took the place of this one',
  },
  account_disabled: { code: 4504, client: 'sign-in', sentence: 'The account is closed' },
} as const satisfies Record<string, CloseCode> & Record<RevocationReason, CloseCode>;

export type CloseReason = keyof typeof CLOSE_CODES;
