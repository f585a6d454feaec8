import { notice } from '../feedback.js';
import { clockTime } from '../time.js';

/** Why a session is over, for the person whose it was. */
const ENDS = {
  logout: ['info', 'You signed out.'],
  session_revoked: [
    'warning',
    'This session was ended from another device, or by an administrator.',
  ],
  logout_all: ['warning', 'You were signed out on all devices.'],
  admin: ['warning', 'An administrator ended all of your sessions.'],
  credentials_changed: [
    'warning',
    'The password or the second factor was changed on another device.',
  ],
  token_reuse: [
    'error',
    'A token of this session was used twice, as if it had been stolen: the session was ended.',
  ],
  replaced: ['warning', 'A newer sign-in took the place of this session.'],
  account_disabled: ['error', 'The account was deactivated, suspended or deleted.'],
  refresh_refused: ['warning', 'The session has expired, or was ended while this page was away.'],
  elsewhere: ['info', 'You signed out in another tab.'],
};

/** @param end as of the client's `signedOut` @returns `[kind, sentence]` */
export function explainEnd({ reason, detail }) {
  return ENDS[reason] ?? ['warning', detail || 'The session is over.'];
}

let last = null;

/** Kept for the page that is shown next. */
export function rememberEnd(end) {
  last = { end, at: new Date() };
}

/** What the page that asks for a sign-in says first; once. */
export function takeEndNotice() {
  if (last === null) return null;
  const [kind, title] = explainEnd(last.end);
  const code = last.end.code ? ` · close code ${last.end.code} ${last.end.reason}` : '';
  const text = `${clockTime(last.at).slice(0, 8)}${code}`;
  last = null;
  return notice(kind, { title, text });
}
