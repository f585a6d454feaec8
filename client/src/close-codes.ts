/**
 * What is done after a close: `reconnect` when the node said, `refresh` the token and reconnect at once, `back-off` before
 * reconnecting, `fix` the program, as reconnecting would not help, `sign-in` anew, as the session is over.
 */
export type CloseAction = 'reconnect' | 'refresh' | 'back-off' | 'fix' | 'sign-in';

export interface Close {
  code: number;
  reason: string;
  /** A sentence for people. */
  meaning: string;
  action: CloseAction;
}

type Meaning = [CloseAction, string];

const MEANINGS: Partial<Record<number | string, Meaning>> = {
  1000: ['back-off', 'The connection was closed.'],
  1001: ['back-off', 'The other side went away.'],
  1002: ['back-off', 'A frame was broken.'],
  1006: ['back-off', 'The connection was lost, or refused before it opened.'],
  1007: ['back-off', 'A text was not UTF-8.'],
  1009: ['fix', 'A frame was larger than the service takes.'],
  1011: ['back-off', 'The service failed.'],
  1012: ['reconnect', 'This node is stopping; another one takes over.'],
  1013: ['back-off', 'This node cannot tell which sessions are revoked.'],
  4400: ['fix', 'What was sent is not of the protocol.'],
  '4400 foreign_token': ['fix', 'A socket lives on only by a token of its own session.'],
  4401: ['refresh', 'The access token has expired.'],
  '4401 token_revoked': ['refresh', 'The access token was revoked, but not the session.'],
  4403: ['refresh', "The user's role was changed."],
  4408: ['back-off', 'This client did not answer a ping, or read too slowly.'],
  '4408 no_pong': ['back-off', 'This client did not answer a ping.'],
  '4408 slow_reader': ['back-off', 'This client read too slowly.'],
  4429: ['back-off', 'This client sent too many messages.'],
  4500: ['sign-in', 'This session was ended.'],
  '4500 logout': ['sign-in', 'This session was logged out.'],
  '4500 session_revoked': ['sign-in', 'This session was ended by its user or by an administrator.'],
  4501: ['sign-in', "The user's sessions were ended."],
  '4501 logout_all': ['sign-in', 'All devices of this user were logged out.'],
  '4501 admin': ['sign-in', 'An administrator ended all sessions of this user.'],
  '4501 credentials_changed': ['sign-in', 'The password or the second factor was changed.'],
  4502: ['sign-in', 'A refresh token that was already used came back: taken for theft.'],
  4503: ['sign-in', "A newer sign-in took this session's place."],
  4504: ['sign-in', 'The account was deactivated, suspended or deleted.'],
};

const UNKNOWN: Meaning = ['back-off', 'The connection was closed.'];

/** Of a WebSocket close; `docs/sockets.md` is the service's own list. */
export function explainClose(code: number, reason: string): Close {
  const [action, meaning] = MEANINGS[`${code} ${reason}`] ?? MEANINGS[code] ?? UNKNOWN;
  return { code, reason, meaning, action };
}
