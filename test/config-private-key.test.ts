import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, test } from 'node:test';
import { ConfigError } from '../server/config.ts';
import {
  files,
  load,
  PRODUCTION,
  refusedFor,
  SECRETS,
  signers,
  type Variables,
} from './support/settings.ts';

describe('the private key of tokens', () => {
  const { privateKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { privateKey: p256 } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: ed25519, publicKey } = generateKeyPairSync('ed25519');
  const toPem = (key: KeyObject, options = {}) =>
    String(key.export({ format: 'pem', type: 'pkcs8', ...options }));
  const PEMS = { RS256: toPem(rsa), ES256: toPem(p256), EdDSA: toPem(ed25519) };
  const { JWT_SECRET_KEY: secret, ...REST } = SECRETS;

  const withFile = (pem: string, variables: Variables = {}): Variables => {
    files.set('/keys/token.pem', pem);
    return {
      ...REST,
      JWT_ALGORITHM: 'EdDSA',
      JWT_PRIVATE_KEY_FILE: '/keys/token.pem',
      ...variables,
    };
  };

  /** The one problem of a configuration. */
  const problemOf = (variables: Variables): string => {
    try {
      load(variables);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.problems.length, 1, error.message);
      return error.problems[0] ?? '';
    }
    return 'none';
  };

  for (const [JWT_ALGORITHM, pem] of Object.entries(PEMS)) {
    test(`signs with ${JWT_ALGORITHM}, and needs no secret beside it`, () => {
      assert.deepEqual(signers(load(withFile(pem, { JWT_ALGORITHM }))), [JWT_ALGORITHM]);
    });

    test(`must be that of the algorithm: not of ${JWT_ALGORITHM} for another`, () => {
      for (const other of Object.keys(PEMS).filter((name) => name !== JWT_ALGORITHM)) {
        assert.match(
          problemOf(withFile(pem, { JWT_ALGORITHM: other })),
          /^JWT_PRIVATE_KEY_FILE: holds an? \S+ key, and JWT_ALGORITHM=\S+ needs an? \S+ key$/,
        );
      }
    });
  }

  test('goes on verifying beside a secret that does, whatever signs', () => {
    const previous = 'oldKeyoldKeyOldKeyOldKeyOldKey12';
    const both = { JWT_SECRET_KEY_PREVIOUS: previous, JWT_PRIVATE_KEY_FILE_PREVIOUS: '/keys/es' };
    files.set('/keys/es', PEMS.ES256);
    assert.deepEqual(signers(load({ ...SECRETS, ...both })), [secret, previous, 'ES256']);
    const settings = load(withFile(PEMS.EdDSA, { JWT_SECRET_KEY: secret, ...both }));
    assert.deepEqual(signers(settings), ['EdDSA', previous, 'ES256']);
  });

  test('is required with its algorithms alone', () => {
    const name = 'JWT_PRIVATE_KEY_FILE';
    assert.match(problemOf({ ...REST, JWT_ALGORITHM: 'ES256' }), /^JWT_PRIVATE_KEY_FILE: is requ/);
    assert.match(
      problemOf(withFile(PEMS.ES256, { ...SECRETS, JWT_ALGORITHM: 'HS256' })),
      /is not us/,
    );
    assert.deepEqual(refusedFor({ ...PRODUCTION, JWT_SECRET_KEY: '', JWT_ALGORITHM: 'RS256' }), [
      name,
    ]);
  });

  for (const [what, pem, sentence] of [
    ['no key', 'hush', 'holds no key in PEM'],
    ['a public key', publicKey.export({ format: 'pem', type: 'spki' }), 'holds no private key'],
    ['two keys', PEMS.EdDSA + PEMS.EdDSA, 'holds more than one thing'],
    ['a damaged key', PEMS.EdDSA.replace('MC4C', 'MC4D'), 'it is damaged'],
    ['an old format', p256.export({ format: 'pem', type: 'sec1' }), 'openssl pkcs8 -topk8'],
    [
      'a passphrase',
      toPem(ed25519, { cipher: 'aes-256-cbc', passphrase: 'hush' }),
      'is encrypted, and must be without a passphrase',
    ],
    [
      'a short key',
      toPem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
      'holds an RSA key of 1024 bits, and must have 2048 to 8192',
    ],
    [
      'another curve',
      toPem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
      'must hold an RSA key or a P-256 key or an Ed25519 key',
    ],
    [
      'a key for something else',
      toPem(generateKeyPairSync('x25519').privateKey),
      'must hold an RSA key or a P-256 key or an Ed25519 key',
    ],
  ] as [string, string | Buffer, string][]) {
    test(`is refused where its file holds ${what}`, () => {
      const problem = problemOf(withFile(String(pem)));
      assert.ok(
        problem.startsWith('JWT_PRIVATE_KEY_FILE: ') && problem.includes(sentence),
        problem,
      );
      assert.ok(!problem.includes('hush') && !problem.includes('MC4C'));
    });
  }

  test('is refused with all that is wrong otherwise, and where there is no file', () => {
    const missing = { JWT_PRIVATE_KEY_FILE: '/nowhere', JWT_PRIVATE_KEY_FILE_PREVIOUS: '/nowhere' };
    assert.deepEqual(refusedFor({ ...REST, ...missing, JWT_ALGORITHM: 'ES256', PORT: 'x' }), [
      'JWT_PRIVATE_KEY_FILE',
      'JWT_PRIVATE_KEY_FILE_PREVIOUS',
      'PORT',
    ]);
    assert.equal(
      problemOf(withFile('', { JWT_PRIVATE_KEY_FILE: '/nowhere' })),
      'JWT_PRIVATE_KEY_FILE: cannot be read (ENOENT)',
    );
  });
});
