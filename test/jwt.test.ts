import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import jsonwebtoken from 'jsonwebtoken';
import {
  createTokenKeys,
  decodeToken,
  getTokenExpirySeconds,
  parseJti,
} from '../server/crypto/jwt.ts';
import { deriveKey, keyedHash } from '../server/crypto/keyed-hash.ts';
import {
  generateAccessToken,
  generateRefreshToken,
  PHONE_TOKENS,
  phoneAccessClaims,
} from '../server/crypto/phone-tokens.ts';
import { generateOpaqueToken } from '../server/crypto/opaque-token.ts';
import { decodePart, encodePart } from './support/jwt.ts';

const NOW = 1_800_000_000;
const newSecret = () =>
  ({ algorithm: 'HS256', secret: randomBytes(32).toString('base64') }) as const;
const { secret } = newSecret();
const keys = await createTokenKeys(PHONE_TOKENS, [{ algorithm: 'HS256', secret }]);
const subject = {
  userId: 7,
  phoneNumber: '+14155550100',
  role: 'driver',
  sessionId: 'A_session-of-22-chars_',
  generation: 3,
} as const;
const life = { issuedAt: NOW, expiresAt: NOW + 900 };
const atNow = { type: 'access', nowSeconds: NOW } as const;

/** A token with our key and header but with claims of any kind. */
function signWithOurKey(claims: object): string {
  const header = { alg: 'HS256', kid: keys.signing.kid, typ: 'at+jwt' };
  return jsonwebtoken.sign(claims, keys.signing.key, { algorithm: 'HS256', header });
}

test('reads back what an access token says', () => {
  const { token, jti } = generateAccessToken(keys, subject, life);
  assert.deepEqual(decodeToken(keys, token, atNow), {
    user_id: 7,
    phone_number: '+14155550100',
    role: 'driver',
    jti,
    iat: NOW,
    exp: NOW + 900,
  });
  assert.deepEqual(parseJti(jti), { sessionId: subject.sessionId, generation: 3 });
});

test('reads back what a refresh token says', () => {
  const { token, jti } = generateRefreshToken(keys, subject, life);
  const claims = decodeToken(keys, token, { type: 'refresh', nowSeconds: NOW });
  assert.equal(claims?.token_type, 'refresh');
  assert.equal(claims.jti, jti);
});

test('takes neither type for the other', () => {
  const access = generateAccessToken(keys, subject, life).token;
  const refresh = generateRefreshToken(keys, subject, life).token;
  assert.equal(decodeToken(keys, access, { type: 'refresh', nowSeconds: NOW }), null);
  assert.equal(decodeToken(keys, refresh, atNow), null);
});

test('takes a token up to the second before its end', () => {
  const { token } = generateAccessToken(keys, subject, life);
  assert.notEqual(decodeToken(keys, token, { type: 'access', nowSeconds: NOW + 899 }), null);
  assert.equal(decodeToken(keys, token, { type: 'access', nowSeconds: NOW + 900 }), null);
});

test('gives each token a jti of its own', () => {
  const jtis = Array.from({ length: 100 }, () => generateAccessToken(keys, subject, life).jti);
  assert.equal(new Set(jtis).size, 100);
});

test('makes the same keys of one secret on every node, and others of another', async () => {
  const { token } = generateAccessToken(keys, subject, life);
  const sameKeys = await createTokenKeys(PHONE_TOKENS, [{ algorithm: 'HS256', secret }]);
  assert.equal(sameKeys.signing.kid, keys.signing.kid);
  assert.notEqual(decodeToken(sameKeys, token, atNow), null);
  const others = await createTokenKeys(PHONE_TOKENS, [newSecret()]);
  assert.notEqual(others.signing.kid, keys.signing.kid);
  assert.equal(decodeToken(others, token, atNow), null);
});

test('takes what the previous key signed, and signs with the first', async () => {
  const { token } = generateAccessToken(keys, subject, life);
  const changed = await createTokenKeys(PHONE_TOKENS, [
    newSecret(),
    { algorithm: 'HS256', secret },
  ]);
  assert.notEqual(decodeToken(changed, token, atNow), null);
  const { token: fresh } = generateAccessToken(changed, subject, life);
  assert.equal(decodePart(fresh, 'header').kid, changed.signing.kid);
  assert.equal(decodeToken(keys, fresh, atNow), null);
});

test('reveals nothing of the secret in the key id', () => {
  const { kid } = keys.signing;
  assert.equal(secret.includes(kid), false);
  assert.equal(keys.signing.key.export().toString('base64url').includes(kid), false);
});

test('takes no token longer than 4096 characters, however good its signature', () => {
  const claims = decodeToken(keys, generateAccessToken(keys, subject, life).token, atNow);
  const long = signWithOurKey({ ...claims, phone_number: '1'.repeat(4000) });
  assert.ok(long.length > 4096);
  assert.equal(decodeToken(keys, long, atNow), null);
});

test('takes no token with a claim missing, with one more, or with one of another type', () => {
  const good = decodeToken(keys, generateAccessToken(keys, subject, life).token, atNow);
  assert.ok(good);
  assert.notEqual(decodeToken(keys, signWithOurKey(good), atNow), null);
  for (const name of Object.keys(phoneAccessClaims.shape)) {
    const rest = Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));
    const token = signWithOurKey({ iat: NOW, ...rest });
    if (name !== 'iat') assert.equal(decodeToken(keys, token, atNow), null, `without ${name}`);
  }
  const wrong = [
    { email: 'a@b.c' },
    { user_id: '7' },
    { user_id: 0 },
    { user_id: 7.5 },
    { role: 'root' },
    { token_type: 'access' },
    { phone_number: null },
  ];
  for (const claims of wrong) {
    const token = signWithOurKey({ ...good, ...claims });
    assert.equal(decodeToken(keys, token, atNow), null, JSON.stringify(claims));
  }
});

test('takes no token whose payload is not an object', () => {
  const header = generateAccessToken(keys, subject, life).token.split('.')[0] ?? '';
  const [, , signature = ''] = signWithOurKey({}).split('.');
  for (const payload of ['', encodePart(null), encodePart('text'), encodePart([1]), '!!!']) {
    assert.equal(decodeToken(keys, `${header}.${payload}.${signature}`, atNow), null);
  }
});

test('takes no claims that are not UTF-8, though our own key signed them', () => {
  const [header = '', payload = ''] = generateAccessToken(keys, subject, life).token.split('.');
  const text = Buffer.from(payload, 'base64url').toString();
  const sign = (bytes: Buffer) => {
    const signed = `${header}.${bytes.toString('base64url')}`;
    const signature = createHmac('sha256', keys.signing.key).update(signed).digest('base64url');
    return decodeToken(keys, `${signed}.${signature}`, atNow);
  };
  assert.ok(sign(Buffer.from(text)));
  const swapped = Buffer.from(text, 'utf16le').swap16();
  const marked = Buffer.from(`\ufeff${text}`, 'utf16le');
  for (const bytes of [Buffer.from(text, 'utf16le'), swapped, marked]) {
    assert.equal(sign(bytes), null);
  }
});

test('answers null, and never throws, for any text and any change of a good token', () => {
  const { token } = generateAccessToken(keys, subject, life);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      assert.equal(decodeToken(keys, text, atNow), null);
    }),
  );
  const position = fc.nat(token.length - 1);
  fc.assert(
    fc.property(position, fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
      fc.pre(token[at] !== character);
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      assert.equal(decodeToken(keys, changed, atNow), null);
    }),
  );
  for (let end = 0; end < token.length; end++) {
    assert.equal(decodeToken(keys, token.slice(0, end), atNow), null);
  }
});

test('counts the seconds that a token has left, and none below zero', () => {
  assert.equal(getTokenExpirySeconds({ exp: NOW + 900 }, NOW), 900);
  assert.equal(getTokenExpirySeconds({ exp: NOW }, NOW), 0);
  assert.equal(getTokenExpirySeconds({ exp: NOW - 1 }, NOW), 0);
});

test('finds no session in a jti that names none', () => {
  assert.deepEqual(parseJti(''), { sessionId: '', generation: 0 });
  assert.deepEqual(parseJti('only'), { sessionId: 'only', generation: 0 });
});

test('derives one key for each purpose and secret', () => {
  const exported = ([from, purpose]: [string, string]) => deriveKey(from, purpose).export();
  const one = exported([secret, 'a']);
  assert.equal(one.length, 32);
  assert.deepEqual(one, exported([secret, 'a']));
  assert.notDeepEqual(one, exported([secret, 'b']));
  assert.notDeepEqual(one, exported([`${secret}x`, 'a']));
});

test('tells the parts of a keyed hash apart', () => {
  const key = deriveKey(secret, 'test');
  assert.notEqual(keyedHash(key, 'ab', 'c'), keyedHash(key, 'a', 'bc'));
  assert.notEqual(keyedHash(key, 'abc'), keyedHash(key, 'ab', 'c'));
  assert.equal(keyedHash(key, 'abc'), keyedHash(key, 'abc'));
  assert.match(keyedHash(key, 'é'), /^[\w-]{43}$/);
});

test('makes opaque tokens of the asked entropy, each once', () => {
  assert.match(generateOpaqueToken(), /^[\w-]{22}$/);
  assert.match(generateOpaqueToken(9), /^[\w-]{12}$/);
  assert.equal(new Set(Array.from({ length: 1000 }, () => generateOpaqueToken())).size, 1000);
});
