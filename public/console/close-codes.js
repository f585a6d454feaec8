/** What the app does after a close, and what the close means, by code and where it matters by reason. */
const CLOSES = {
  1001: ['back-off', 'The other side went away.'],
  1006: ['back-off', 'The connection was lost, or refused before it opened.'],
  1009: ['stop', 'A frame was larger than the server takes.'],
  1011: ['back-off', 'The server failed.'],
  1012: ['back-off', 'This node is stopping; another one takes over.'],
  1013: ['back-off', 'This node cannot tell which sessions are revoked.'],
  4400: ['stop', 'What was sent is not of the protocol.'],
  4401: ['refresh', 'The access token has expired.'],
  '4401 token_revoked': ['refresh', 'The access token was revoked, but not the session.'],
  4403: ['refresh', "The user's role was changed."],
  4408: ['back-off', 'This client did not answer a ping, or read too slowly.'],
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

const UNKNOWN = ['back-off', 'The server closed the connection.'];

/** @returns {{ action: 'back-off' | 'refresh' | 'stop' | 'sign-in', meaning: string }} */
export function explainClose(code, reason) {
  const [action, meaning] = CLOSES[`${code} ${reason}`] ?? CLOSES[code] ?? UNKNOWN;
  return { action, meaning };
}
