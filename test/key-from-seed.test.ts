import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign, verify, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { createEd25519Key, createP256Key, createRsaKey } from '../server/crypto/key-from-seed.ts';

/** The vectors of https://c2sp.org/det-keygen: seed and, of the key in PKCS#8, the SHA-256. */
const RSA = [
  [2048, 'Xl2U+6mkaGMosq89epJzbg==', '6BtaD9-56D3exYFZjfhEAAR9yXn0yCvRQrCsoppRui4'],
  [2064, 'ledDwdW8AG4W3By3Gbua8A==', 'OI6CtyGdvsejttfB8iW7nm2YDtl0UMeOwNkH6Uu8pdU'],
  [3072, 'SmQHFsh4l2qFOk76XnC/lg==', 'yGtPF7HBnVvqcipK_iSYJrxuEgqZgWvTLR1iq8wz4-4'],
  [2048, 'TkjKwQxJCvzgbfpR3nTKBf0cHgST', 'rR3jk6f6evnAf3ARJwygjxx08j0JO9mGNXnTqjhL00c'],
  [2048, 'KPTbaR2yf+lPhr8GfCy89w==', 'B0w7beFzMYGQz3M75sCKDYXY4Gg8LkxSc_HEaduOQSw'],
  [2048, '9NgcC/qrIN/zXi6KHIp+nA==', 'quibYyr48UBEOdCnPhzsqgrOX9RufqvBqdo2IM0h_KQ'],
  [2048, 'VXAzZ0KFW334PPiMXV4y3g==', 'CNHsfHJHqBgXYkPPmi2DVwTuD-WycRnpBRkZSzffjgg'],
  [2048, 'yM2B/m4YUQlOlQCpMN+7yg==', 'smuXC7Rrx3P729FqoMVer3tUOF1g4c7V3Qqw1SIEb6M'],
  [2048, '4MqCX1lRUSgQbvkxw5/I1Q==', 'TmO0GYOVfcCLVkbnqXf9Id0V47Ti4DU18FntU-Ypg2c'],
] as const;

/** The same for P-256: seed and private key. With the last seed the first number drawn is no key. */
const P256 = [
  ['QkJCQkJCQkJCQkJCQkJCQg==', 'FXAP-MY43FEcYRph_xtnRepvbgTZns3Ypd4s3KHG2PU'],
  ['QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC', 'GyGF1fZ-2czLp6D54LtG6V44boaPOXX8CbnPWaEt8tg'],
  ['tDL5vjCJBIApghhRBVmu1w==', 'jjMHhWW9fR-fgQEfqLeIYyr4QAdKsOsx-AIrd1R9YfM'],
] as const;

const bytes = (text: string): Buffer => Buffer.from(text, 'base64');
const privatePart = (key: KeyObject): unknown => key.export({ format: 'jwk' }).d;

describe('a key that is made from a seed', () => {
  for (const [bits, seed, digest] of RSA) {
    test(`is that of the specification: RSA of ${bits} bits from ${seed}`, async () => {
      const key = await createRsaKey(bytes(seed), bits);
      assert.equal(key.asymmetricKeyDetails?.modulusLength, bits);
      const der = key.export({ format: 'der', type: 'pkcs8' });
      assert.equal(createHash('sha256').update(der).digest('base64url'), digest);
    });
  }

  for (const [seed, d] of P256) {
    test(`is that of the specification: P-256 from ${seed}`, () => {
      assert.equal(privatePart(createP256Key(bytes(seed))), d);
    });
  }

  test('is an Ed25519 key with the seed as its private key (RFC 8032 §7.1, the first vector)', () => {
    const hex = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60';
    const { x } = createEd25519Key(Buffer.from(hex, 'hex')).export({ format: 'jwk' });
    assert.equal(x, '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo');
  });

  test('signs what its public key verifies', async () => {
    const seed = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    for (const [hash, key] of [
      ['sha256', await createRsaKey(seed, 2048)],
      ['sha256', createP256Key(seed)],
      [null, createEd25519Key(seed.subarray(-32))],
    ] as const) {
      assert.ok(verify(hash, seed, key, sign(hash, seed, key)), key.asymmetricKeyType);
    }
  });
});
