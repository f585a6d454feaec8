/** The kinds of secrets that the product has, and what one looks like: anything else opens nothing. */
const KINDS = {
  password: /^.{6,}$/su,
  'one-time code': /^\d{6}$/,
  'TOTP code': /^\d{6}$/,
  'TOTP secret': /^[A-Z2-7]{16,}=*$/,
  'backup code': /^[\w-]{6,}$/,
  'access token': /^\S{16,}$/,
  'refresh token': /^\S{16,}$/,
  'challenge token': /^\S{16,}$/,
  'mailed token': /^\S{16,}$/,
  'session cookie': /^\S{16,}$/,
  'API client secret': /^.{6,}$/,
  'server secret': /^.{12,}$/,
} satisfies Record<string, RegExp>;

export type SecretKind = keyof typeof KINDS;

/** Who sent a text: some names mean another thing from the other side. */
export type Sender = 'client' | 'node';

export interface Secret {
  kind: SecretKind;
  value: string;
}

/** Every name of a field of JSON, of a form or of a link that holds a secret. A new one belongs here. */
export const FIELDS: Record<string, SecretKind | Record<Sender, SecretKind>> = {
  password: 'password',
  current_password: 'password',
  new_password: 'password',
  otp: 'one-time code',
  // A client sends one of its second factor; the outbox shows those that were sent to a phone.
  code: { client: 'TOTP code', node: 'one-time code' },
  totp_code: 'TOTP code',
  secret: 'TOTP secret',
  backup_code: 'backup code',
  backup_codes: 'backup code',
  access_token: 'access token',
  refresh_token: 'refresh token',
  challenge_token: 'challenge token',
  token: 'mailed token',
  client_secret: 'API client secret',
};

const NAMES = Object.keys(FIELDS).join('|');
const JSON_FIELD = new RegExp(
  String.raw`"(${NAMES})"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|\[[^\]]*\])`,
  'g',
);
const FORM_FIELD = new RegExp(String.raw`(?<=[?&#\n])(${NAMES})=([^&\s"'<>\\]+)`, 'g');
const BASIC = /^authorization: *basic +([\w+/=]+)(?=\r)/gim;
const HEADERS = [
  { kind: 'access token', pattern: /^authorization: *bearer +(\S+)(?=\r)/gim },
  { kind: 'access token', pattern: /\bmedallion\.bearer\.([\w.-]+)/g },
  { kind: 'session cookie', pattern: /^(?:set-)?cookie:[^\r]*?\bsession_id=([^;\s]+)/gim },
] as const;

/** What is sent to an SMS provider, webhook or Twilio: a node is the client there. */
const TO_PROVIDER = /^webhook-id:|^POST \/2010-04-01\/Accounts/im;

/** The secrets in what was sent over a connection: HTTP as it is on the wire, frames, or the text of a mail. */
export function findSecrets(text: string, sender: Sender): Secret[] {
  const isToProvider = TO_PROVIDER.test(text);
  const side = isToProvider ? 'node' : sender;
  const found: Secret[] = [];
  const add = (kind: SecretKind, value: unknown) => {
    if (typeof value === 'string' && KINDS[kind].test(value)) found.push({ kind, value });
  };
  for (const [, name = '', json = ''] of text.matchAll(JSON_FIELD)) {
    for (const value of parseJson(json)) add(kindOf(name, side, value), value);
  }
  for (const [, name = '', encoded = ''] of text.matchAll(FORM_FIELD)) {
    const value = decodeForm(encoded);
    add(kindOf(name, side, value), value);
  }
  for (const { kind, pattern } of HEADERS) {
    for (const [, value] of text.matchAll(pattern)) add(kind, value);
  }
  for (const [, encoded = ''] of text.matchAll(BASIC)) {
    const credential = Buffer.from(encoded, 'base64')
      .toString()
      .replace(/^[^:]*:/, '');
    add(isToProvider ? 'server secret' : 'API client secret', credential);
  }
  return found;
}

/**
 * What a field holds that a side sent, once it is known that there is such a field. RFC 7009 and 7662 call any token
 * `token`: one of three parts is a JWT.
 */
export function kindOf(name: string, side: Sender, value?: unknown): SecretKind {
  const kind = FIELDS[name] ?? 'server secret';
  if (kind === 'mailed token' && isJwt(value)) return 'refresh token';
  return typeof kind === 'string' ? kind : kind[side];
}

/** Whether a text has the three parts of a JWT, the last of them a signature. */
export function isJwt(value: unknown): boolean {
  return typeof value === 'string' && /^[\w-]+\.[\w-]+\.[\w-]{12,}$/.test(value);
}

function parseJson(json: string): unknown[] {
  try {
    return [JSON.parse(json)].flat() as unknown[];
  } catch {
    return []; // bad on purpose: the node could not read it either
  }
}

function decodeForm(encoded: string): string {
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch {
    return encoded;
  }
}
