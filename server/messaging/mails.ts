import type { Mail } from './mail-sender.ts';

const MAX_QUOTE_LENGTH = 120;

const UTC = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'long',
  timeStyle: 'short',
  timeZone: 'UTC',
});

const PROMISE =
  'Nobody who works for us will ever ask for your password or for a code. ' +
  'Keep them to yourself, whoever asks.';

/** Wrong passwords have locked the account until then; `ip` is where the last of them came from. */
export function lockedOutMail({ lockedUntil, ip }: { lockedUntil: Date; ip: string | null }): Mail {
  return compose({
    subject: 'Your account is locked for a while',
    happened:
      'There were too many wrong passwords for your account in a row, ' +
      'so nobody can sign in to it with a password for a while.',
    facts: { 'Locked until': writeOut(lockedUntil), 'IP address': quote(ip) },
    ifYou: 'If this was you, wait until then and try again. Nothing else has changed.',
    ifNotYou:
      'If this was not you, somebody may be guessing your password. When the lock is over, sign in, ' +
      'change your password to one that you use nowhere else, and end the sessions you do not know.',
  });
}

interface NewDevice {
  deviceName: string | null;
  userAgent: string | null;
  ip: string | null;
  at: Date;
}

/** Somebody has signed in from a device that the account has not been used on. */
export function newDeviceMail({ deviceName, userAgent, ip, at }: NewDevice): Mail {
  return compose({
    subject: 'New sign-in to your account',
    happened: 'Somebody signed in to your account from a device that we have not seen before.',
    facts: {
      When: writeOut(at),
      'IP address': quote(ip),
      'Device, as it calls itself': quote(deviceName),
      'Application, as it calls itself': quote(userAgent),
    },
    ifYou: 'If this was you, there is nothing to do.',
    ifNotYou:
      'If this was not you, somebody else has your password. Change it now, ' +
      'and end all other sessions of your account.',
  });
}

/** The account has another password now. */
export function passwordChangedMail({ at, ip }: { at: Date; ip: string | null }): Mail {
  return compose({
    subject: 'Your password was changed',
    happened: 'The password of your account was changed.',
    facts: { When: writeOut(at), 'IP address': quote(ip) },
    ifYou: 'If this was you, there is nothing to do.',
    ifNotYou:
      'If this was not you, somebody else can sign in to your account: tell the people who run ' +
      'this service at once. Where you are still signed in, end all other sessions.',
  });
}

interface Occasion {
  at: Date;
  ip: string | null;
}

/** The second factor has been turned on. */
export function twoFactorEnabledMail({ at, ip }: Occasion): Mail {
  return compose({
    subject: 'Two-factor sign-in is on',
    happened:
      'Signing in to your account now takes a code from your authenticator app as well. ' +
      'You were signed out everywhere else.',
    facts: { When: writeOut(at), 'IP address': quote(ip) },
    ifYou:
      'If this was you, keep your backup codes where you find them without your phone: ' +
      'each lets you in once.',
    ifNotYou:
      'If this was not you, somebody else has your account and is locking you out of it: tell the ' +
      'people who run this service at once.',
  });
}

/** The second factor has been turned off. */
export function twoFactorDisabledMail({ at, ip }: Occasion): Mail {
  return compose({
    subject: 'Two-factor sign-in is off',
    happened:
      'Signing in to your account no longer takes a code from your authenticator app. ' +
      'You were signed out everywhere else.',
    facts: { When: writeOut(at), 'IP address': quote(ip) },
    ifYou: 'If this was you, there is nothing to do.',
    ifNotYou:
      'If this was not you, somebody else can sign in to your account: change what you sign in ' +
      'with, turn it on again, and tell the people who run this service.',
  });
}

/** Wrong codes have locked one way of showing the second factor; the password, or the phone, was right. */
export function twoFactorLockedMail({
  lockedUntil,
  ip,
}: {
  lockedUntil: Date;
  ip: string | null;
}): Mail {
  return compose({
    subject: 'Too many wrong codes for your account',
    happened:
      'Somebody got past the first step of signing in to your account and then entered too many ' +
      'wrong codes, so such codes are refused for a while.',
    facts: { 'Refused until': writeOut(lockedUntil), 'IP address': quote(ip) },
    ifYou:
      'If this was you, wait until then and look at the clock of your phone: codes depend on it. ' +
      'A backup code works meanwhile, or the app if it was backup codes that you entered.',
    ifNotYou:
      'If this was not you, somebody knows your password or reads your messages. ' +
      'Change your password now. They were not let in.',
  });
}

/** Somebody has signed in, or turned the second factor off, with a backup code. */
export function backupCodeUsedMail({ at, ip, remaining }: Occasion & { remaining: number }): Mail {
  return compose({
    subject: 'A backup code was used',
    happened: 'A backup code of your account was used in the place of your authenticator app.',
    facts: { When: writeOut(at), 'IP address': quote(ip), 'Codes left': String(remaining) },
    ifYou:
      'If this was you, cross it out: it does not work again. Make new ones before they run out.',
    ifNotYou:
      'If this was not you, somebody has your backup codes and what you sign in with. Change your ' +
      'password and make new backup codes now.',
  });
}

/** There are new backup codes. */
export function backupCodesRegeneratedMail({ at, ip }: Occasion): Mail {
  return compose({
    subject: 'You have new backup codes',
    happened:
      'New backup codes were made for your account. Those from before do not work any more.',
    facts: { When: writeOut(at), 'IP address': quote(ip) },
    ifYou: 'If this was you, there is nothing to do.',
    ifNotYou:
      'If this was not you, somebody else is signed in to your account. Change your password, end ' +
      'all other sessions, and make new backup codes.',
  });
}

interface Letter {
  subject: string;
  happened: string;
  /** To a page of ours. */
  link?: { label: string; url: string };
  facts: Record<string, string>;
  ifYou: string;
  ifNotYou: string;
  code?: string;
}

export function compose({ subject, happened, link, facts, ifYou, ifNotYou, code }: Letter): Mail {
  const lines = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  const rest = [lines, [ifYou], [ifNotYou], [PROMISE]];
  // On a line of its own: a reader that makes a link of it takes no more and no less.
  const inText = link === undefined ? [] : [[`${link.label}:`, link.url]];
  const text = [[happened], ...inText, ...rest].map((paragraph) => paragraph.join('\n'));
  return {
    subject,
    text: `${text.join('\n\n')}\n`,
    html: toHtml([toParagraph([happened]), ...toAnchor(link), ...rest.map(toParagraph)]),
    code,
  };
}

function toParagraph(lines: string[]): string {
  return `<p>${lines.map(escapeHtml).join('<br>')}</p>`;
}

function toAnchor(link: Letter['link']): string[] {
  if (link === undefined) return [];
  return [`<p><a href="${escapeHtml(link.url)}">${escapeHtml(link.label)}</a></p>`];
}

/** No colours, so that a dark mode has its own; and no links but ours, nor what a reader would make one of. */
function toHtml(paragraphs: string[]): string {
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="format-detection" content="telephone=no, address=no, email=no, url=no">',
    '</head><body style="font-family: sans-serif; line-height: 1.5; max-width: 36em">',
    ...paragraphs,
    '</body></html>',
    '',
  ].join('\n');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function writeOut(at: Date): string {
  return `${UTC.format(at)} UTC`;
}

/**
 * What a stranger chose, made harmless: one line, without characters that hide or reorder others, not long,
 * and with `evil[.]example` and `http[:]//` where mail readers would make a link.
 */
export function quote(text: string | null): string {
  const line = text?.replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, ' ').trim() ?? '';
  if (line === '') return 'not known';
  const characters = Array.from(line);
  const cut = characters.slice(0, MAX_QUOTE_LENGTH).join('');
  const short = characters.length > MAX_QUOTE_LENGTH ? `${cut}…` : cut;
  return short.replace(/:(?=\/\/)/g, '[:]').replace(/[.。．｡](?=\p{L})/gu, '[.]');
}
