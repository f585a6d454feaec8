import { wait } from './time.js';

const SIGN_IN_AGAIN = { href: '#/sign-in', text: 'Sign in' };

/** What to do, by the error's code; and the sentence, where the server's own is not for people. */
const ADVICE = {
  no_answer: {
    title: 'The server did not answer.',
    advice: 'Check that you are online and that it runs, then try again.',
  },
  bad_answer: {
    title: 'What answered was not the server.',
    advice: 'Something between it and you may be in the way.',
  },
  signed_out: { title: 'You are signed out.', link: SIGN_IN_AGAIN },
  not_connected: { title: 'There is no live connection.', advice: 'Wait until it is back.' },
  connection_lost: { title: 'The live connection was lost.', advice: 'Try again once it is back.' },
  invalid_request: { title: 'Something that was given is not right.' },
  weak_password: { title: 'This password cannot be used.', advice: 'See beside the field why.' },
  invalid_credentials: {
    title: 'The e-mail address or the password is not right.',
    advice: 'Check both, or ask for a new password.',
  },
  invalid_otp: { advice: 'Look at the newest message, and type the six digits of it.' },
  otp_not_found: { title: 'The code has expired, or was used before.', advice: 'Send a new one.' },
  otp_cooldown: { title: 'A code was sent a moment ago.' },
  invalid_two_factor_code: {
    title: 'The code is not right.',
    advice: 'Type the one that is shown now: it changes every 30 seconds, and each works once.',
  },
  invalid_challenge: {
    title: 'The sign-in took too long.',
    advice: 'Start again with your password.',
  },
  invalid_token: { title: 'You are signed out.', link: SIGN_IN_AGAIN },
  invalid_refresh_token: { title: 'Your session is over.', link: SIGN_IN_AGAIN },
  token_revoked: { title: 'Your session was ended.', link: SIGN_IN_AGAIN },
  two_factor_required: {
    title: 'Staff need a second factor.',
    advice: 'Set it up, then come back.',
    link: { href: '#/account', text: 'Set up the second factor' },
  },
  insufficient_permissions: {
    title: 'Your role does not allow this.',
    advice: 'Ask an administrator for it.',
  },
  role_not_allowed: {
    title: 'This number cannot sign in in that role.',
    advice: 'Choose the other role, or ask an administrator.',
  },
  account_disabled: {
    title: 'This account is disabled.',
    advice: 'Ask whoever runs the service to activate it again.',
  },
  account_exists: {
    title: 'There is an account with this e-mail address or username.',
    advice: 'Sign in with it, or choose another.',
  },
  session_limit_reached: {
    title: 'You are signed in on as many devices as allowed.',
    advice: 'Sign out on another one first.',
  },
  not_found: { title: 'There is no such thing any more.', advice: 'Load the page anew.' },
  last_admin: { title: 'There would be no admin left.', advice: 'Make another one first.' },
  busy: { title: 'Too many people are signing in at once.' },
  service_unavailable: { title: 'The service cannot answer now.' },
  sms_unavailable: { title: 'The message could not be sent.' },
  internal_error: { title: 'Something went wrong on the server.', advice: 'Try again.' },
  too_many_attempts: { title: 'There were too many attempts.' },
  rate_limited: { title: 'There were too many requests.' },
  too_many_sockets: {
    title: 'You have too many live connections.',
    advice: 'Close some tabs of this console.',
  },
};

/**
 * What happened and what to do about it, for people; the one place where an error becomes a sentence.
 * @param error a MedallionError, or anything else that was thrown
 * @returns {{ title: string, advice: string, link?: { href: string, text: string }, requestId?: string }}
 */
export function explain(error) {
  if (typeof error?.status !== 'number')
    return { title: error?.message ?? String(error), advice: '' };
  const known = ADVICE[error.code] ?? {};
  const again = isWorthRepeating(error) ? `Try again ${whenToRetry(error)}.` : '';
  return {
    title: known.title ?? asSentence(error.detail),
    advice: known.advice ?? again,
    link: known.link,
    requestId: error.status >= 500 ? error.requestId : undefined,
  };
}

/** The same in one line. */
export function sentence(error) {
  const { title, advice } = explain(error);
  return `${title} ${advice}`.trim();
}

/** What an aborted request throws: nothing that anybody must be told. */
export function isAbort(error) {
  return error?.name === 'AbortError' || error?.cause?.name === 'AbortError';
}

function isWorthRepeating({ status }) {
  return status === 429 || status === 503;
}

function whenToRetry({ retryAfterSeconds }) {
  return retryAfterSeconds > 0 ? `in ${wait(retryAfterSeconds)}` : 'shortly';
}

function asSentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
