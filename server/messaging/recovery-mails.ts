import type { Mail } from './mail-sender.ts';
import { compose, quote, writeOut } from './mails.ts';

interface Link {
  /** Where it leads; the token goes behind it as a fragment, which reaches no server, log or Referer. */
  page: string;
  token: string;
  lifeSeconds: number;
  at: Date;
  ip: string | null;
}

/** Somebody, the owner of the address or not, asks to set a new password. */
export function resetPasswordMail({ page, token, lifeSeconds, at, ip }: Link): Mail {
  return compose({
    subject: 'Choose a new password',
    happened:
      'Somebody asked to choose a new password for your account. The link below does it. ' +
      `It works once, for ${inHours(lifeSeconds)}.`,
    link: { label: 'Choose a new password', url: `${page}#token=${token}` },
    facts: { 'Asked for': writeOut(at), 'IP address': quote(ip) },
    ifYou:
      'If this was you, open the link. Your new password will end all sessions of your account.',
    ifNotYou:
      'If this was not you, do not open the link and give it to nobody: without it your password ' +
      'stays as it is.',
    code: token,
  });
}

/** The password was set anew by a link that had been mailed. */
export function passwordResetMail({ at, ip }: { at: Date; ip: string | null }): Mail {
  return compose({
    subject: 'Your password was reset',
    happened:
      'A new password was set for your account by a link that we had sent to this address. ' +
      'All sessions of your account have been ended.',
    facts: { When: writeOut(at), 'IP address': quote(ip) },
    ifYou: 'If this was you, sign in with the new password. There is nothing else to do.',
    ifNotYou:
      'If this was not you, somebody else can read your e-mail. Change the password of your ' +
      'mailbox first, then ask for a new password here, and tell the people who run this service.',
  });
}

/** An account was made with this address, by its owner or not, or its owner asks for the link again. */
export function verifyEmailMail({ page, token, lifeSeconds, at, ip }: Link): Mail {
  return compose({
    subject: 'Confirm your e-mail address',
    happened:
      'There is an account with this e-mail address. The link below confirms that the address ' +
      `is yours. It works once, for ${inHours(lifeSeconds)}.`,
    link: { label: 'Confirm this address', url: `${page}#token=${token}` },
    facts: { 'Asked for': writeOut(at), 'IP address': quote(ip) },
    ifYou: 'If this was you, open the link.',
    ifNotYou:
      'If this was not you, somebody else has given your address as theirs. Do not open the link: ' +
      'without it the address stays unconfirmed.',
    code: token,
  });
}

function inHours(seconds: number): string {
  const hours = seconds / (60 * 60);
  return hours === 1 ? 'one hour' : `${hours} hours`;
}
