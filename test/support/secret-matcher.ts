import { isJwt, type SecretKind } from './secret-kinds.ts';

/** From so many characters on a secret is in a text by no chance, and is searched anywhere in it. */
const LONG = 12;
/** An encoded secret is known by its end: the end of a token is the end of its signature. */
const ENCODED_CHARACTERS = 40;

/** What stands between the words of a sentence, of a URL, of JSON and of bytes, and not inside an id or a number. */
const BETWEEN_WORDS = /(?:\\x|[\s"'`<>(){}[\],;:=?&#/|\\])+/;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * Knows secrets again wherever they stand: as they are, and in hex, base64, base64url, JSON and URLs. Short ones only
 * as whole words: six digits are part of many a number.
 */
export class SecretMatcher {
  readonly #words = new Map<string, SecretKind>();
  /** By their first characters. */
  readonly #long = new Map<string, { needle: string; kind: SecretKind }[]>();

  constructor(secrets: Iterable<[string, SecretKind]>) {
    for (const [value, kind] of secrets) {
      for (const needle of value.length < LONG ? encodings(value) : longForms(value)) {
        if (value.length < LONG) this.#words.set(needle, kind);
        else this.#addLong(needle, kind);
      }
    }
  }

  /** The kinds of the secrets in a text. */
  find(text: string): SecretKind[] {
    return [...new Set([...this.#findWords(text), ...this.#findLong(text)])];
  }

  #addLong(needle: string, kind: SecretKind): void {
    const start = needle.slice(0, LONG);
    const known = this.#long.get(start);
    if (known === undefined) this.#long.set(start, [{ needle, kind }]);
    else known.push({ needle, kind });
  }

  *#findWords(text: string): Iterable<SecretKind> {
    for (const word of wordsOf(text)) {
      const kind = this.#words.get(word);
      if (kind !== undefined) yield kind;
    }
  }

  *#findLong(text: string): Iterable<SecretKind> {
    for (let at = 0; at + LONG <= text.length; at++) {
      const candidates = this.#long.get(text.slice(at, at + LONG)) ?? [];
      for (const { needle, kind } of candidates) if (text.startsWith(needle, at)) yield kind;
    }
  }
}

/** What short secrets are compared with: a whole text, and each word of it. */
export function wordsOf(text: string): string[] {
  const words = text.split(BETWEEN_WORDS).map((word) => word.replace(/[.!]+$/, ''));
  return words.length > 1 ? [text, ...words] : [text];
}

/** Whoever has the signature of a JWT guesses the rest: it is not needed for a find. */
function longForms(value: string): Set<string> {
  const secret = isJwt(value) ? value.slice(value.lastIndexOf('.') + 1) : value;
  return new Set([...encodings(secret), ...tails(Buffer.from(value)), ...decodings(secret)]);
}

function encodings(value: string): Set<string> {
  const plain = [value, value.normalize('NFC')];
  const escaped = [JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())];
  return new Set([...plain, ...escaped, ...tails(Buffer.from(value))]);
}

/** The bytes that an opaque token, a signature or a TOTP secret stands for, in the notations of a database. */
function decodings(value: string): string[] {
  const texts: string[] = [];
  if (/^[\w-]{16,}$/.test(value)) texts.push(...tails(Buffer.from(value, 'base64url')));
  if (/^[A-Z2-7]{16,}=*$/.test(value)) texts.push(...tails(decodeBase32(value)));
  return texts.filter((text) => text.length >= LONG);
}

function tails(bytes: Buffer): string[] {
  const notations = (['hex', 'base64', 'base64url'] as const).map((name) => bytes.toString(name));
  return notations.map((text) => text.replace(/=+$/, '').slice(-ENCODED_CHARACTERS));
}

/** RFC 4648 §6. */
function decodeBase32(text: string): Buffer {
  const bits = Array.from(text.replace(/=+$/, ''), (letter) =>
    BASE32.indexOf(letter).toString(2).padStart(5, '0'),
  ).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
