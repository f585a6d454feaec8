import assert from 'node:assert/strict';
import { createDecipheriv, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createEncryptionKeys,
  decrypt,
  encrypt,
  isUnderCurrentKey,
} from '../server/crypto/encryption.ts';
import { deriveKey } from '../server/crypto/keyed-hash.ts';

const secret = randomBytes(32).toString('base64');
const otherSecret = randomBytes(32).toString('base64');
const keys = createEncryptionKeys([secret]);
const boundTo = 'totp:7';
const plaintext = 'JBSWY3DPEHPK3PXP';

function partsOf(value: string) {
  const [version = '', id = '', iv = '', sealed = ''] = value.split('.');
  return { version, id, iv, sealed };
}

test('gives back any text, at the place that it was made for', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 200 });
  fc.assert(
    fc.property(text, text, (any, place) => {
      const ciphertext = encrypt(keys, { plaintext: any, boundTo: place });
      assert.equal(decrypt(keys, { ciphertext, boundTo: place }), any);
    }),
  );
});

test('is AES-256-GCM with 96 bits of IV and 128 of tag, as another program would read it', () => {
  const { version, id, iv, sealed } = partsOf(encrypt(keys, { plaintext, boundTo }));
  const bytes = Buffer.from(sealed, 'base64url');
  assert.equal(Buffer.from(iv, 'base64url').length, 12);
  assert.equal(bytes.length, plaintext.length + 16);
  const key = deriveKey(secret, 'encryption');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'));
  decipher.setAAD(Buffer.from(`${version}.${id}.${boundTo}`)).setAuthTag(bytes.subarray(-16));
  const start = decipher.update(bytes.subarray(0, -16), undefined, 'utf8');
  assert.equal(start + decipher.final('utf8'), plaintext);
});

test('never uses an IV twice, so that equal texts are not seen to be equal', () => {
  const values = Array.from({ length: 1000 }, () => encrypt(keys, { plaintext, boundTo }));
  assert.equal(new Set(values.map((value) => partsOf(value).iv)).size, 1000);
  assert.equal(new Set(values.map((value) => partsOf(value).sealed)).size, 1000);
});

test('holds nothing readable of the text, the place or the secret', () => {
  const value = encrypt(keys, { plaintext, boundTo });
  assert.match(value, /^v1\.[\w-]{11}\.[\w-]{16}\.[\w-]{43}$/);
  const { id } = partsOf(value);
  const exported = deriveKey(secret, 'encryption').export().toString('base64url');
  for (const text of [plaintext, boundTo, id]) assert.equal(secret.includes(text), false);
  assert.equal(exported.includes(id), false);
  assert.equal(value.includes(plaintext), false);
});

test("does not decrypt in another user's row", () => {
  const ciphertext = encrypt(keys, { plaintext, boundTo: 'totp:7' });
  for (const place of ['totp:8', 'totp:77', 'totp:', '', 'TOTP:7']) {
    assert.throws(() => decrypt(keys, { ciphertext, boundTo: place }), /changed, or belongs/);
  }
});

test('does not decrypt with any one character changed, added or left out', () => {
  const good = encrypt(keys, { plaintext, boundTo });
  for (let at = 0; at < good.length; at += 1) {
    const [before, after] = [good.slice(0, at), good.slice(at + 1)];
    const swapped = good[at] === 'A' ? 'B' : 'A';
    for (const ciphertext of [
      before + swapped + after,
      before + after,
      `${before}A${good.slice(at)}`,
    ]) {
      assert.throws(() => decrypt(keys, { ciphertext, boundTo }), Error, ciphertext);
    }
  }
});

test('takes one form only of the same bytes', () => {
  const text = 'four';
  const good = encrypt(keys, { plaintext: text, boundTo });
  const sealed = Buffer.from(partsOf(good).sealed, 'base64url');
  const last = good.at(-1) ?? '';
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const twins = Array.from(characters, (character) => good.slice(0, -1) + character).filter(
    (twin) => Buffer.from(partsOf(twin).sealed, 'base64url').equals(sealed),
  );
  assert.ok(twins.length > 1 && twins.some((twin) => twin.endsWith(last)));
  for (const ciphertext of twins.filter((twin) => twin !== good)) {
    assert.throws(() => decrypt(keys, { ciphertext, boundTo }), /changed/);
  }
  for (const ciphertext of [`${good}=`, `${good}\n`, ` ${good}`]) {
    assert.throws(() => decrypt(keys, { ciphertext, boundTo }), /no encrypted value/);
  }
});

test('takes no tag that is cut short, though the library would', () => {
  const good = encrypt(keys, { plaintext: '', boundTo });
  const { version, id, iv, sealed } = partsOf(good);
  for (const bytes of [4, 8, 12, 13, 14, 15]) {
    const short = Buffer.from(sealed, 'base64url').subarray(0, bytes).toString('base64url');
    const ciphertext = [version, id, iv, short].join('.');
    assert.throws(() => decrypt(keys, { ciphertext, boundTo }), /changed/);
  }
});

test('authenticates the version and the key id', () => {
  const both = createEncryptionKeys([secret, otherSecret]);
  // The same key under another id: only what is authenticated tells them apart.
  const { id, key } = both.current;
  const disguised = { current: { id: 'AAAAAAAAAAA', key }, known: new Map([['AAAAAAAAAAA', key]]) };
  const ciphertext = encrypt(both, { plaintext, boundTo });
  const renamed = ciphertext.replace(`.${id}.`, '.AAAAAAAAAAA.');
  assert.throws(() => decrypt(disguised, { ciphertext: renamed, boundTo }), /changed/);
  const versioned = ciphertext.replace('v1', 'v2');
  assert.throws(() => decrypt(both, { ciphertext: versioned, boundTo }), /no encrypted value/);
});

test('knows nothing that is not a value of its own, and quotes no part of it', () => {
  const foreign = encrypt(createEncryptionKeys([otherSecret]), { plaintext, boundTo });
  for (const ciphertext of [foreign, plaintext, '', 'v1', 'v1...', '\0', 'v1.'.repeat(2000)]) {
    assert.throws(
      () => decrypt(keys, { ciphertext, boundTo }),
      (error: Error) =>
        error.cause === undefined &&
        (ciphertext === '' || !error.message.includes(ciphertext)) &&
        !error.message.includes(partsOf(foreign).id),
    );
  }
  assert.throws(() => decrypt(keys, { ciphertext: foreign, boundTo }), /a key that is not known/);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 120 }), (ciphertext) => {
      assert.throws(() => decrypt(keys, { ciphertext, boundTo }), Error);
    }),
  );
});

test('reads what is under the previous key, writes under the current one, and tells them apart', () => {
  const old = encrypt(keys, { plaintext, boundTo });
  const changed = createEncryptionKeys([otherSecret, secret]);
  assert.equal(decrypt(changed, { ciphertext: old, boundTo }), plaintext);
  assert.equal(isUnderCurrentKey(changed, old), false);
  const fresh = encrypt(changed, { plaintext, boundTo });
  assert.equal(isUnderCurrentKey(changed, fresh), true);
  assert.throws(() => decrypt(keys, { ciphertext: fresh, boundTo }), /a key that is not known/);
  // A node that knows the new key but does not write with it yet.
  const early = createEncryptionKeys([secret, otherSecret]);
  assert.equal(decrypt(early, { ciphertext: fresh, boundTo }), plaintext);
  assert.equal(isUnderCurrentKey(early, fresh), false);
});

test('makes the same keys of one secret on every node', () => {
  const ciphertext = encrypt(createEncryptionKeys([secret]), { plaintext, boundTo });
  assert.equal(decrypt(createEncryptionKeys([secret]), { ciphertext, boundTo }), plaintext);
});
