import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { calculateJwkThumbprint, createRemoteJWKSet, jwtVerify, type JWK } from 'jose';
import type { Test } from 'supertest';
import { decodeToken } from '../server/crypto/jwt.ts';
import { INVALID_TOKEN, accessOf, renew, signUp, whoAmI, REVOKED } from './support/accounts.ts';
import { startApp, type TestApp } from './support/app.ts';
import { decodePart, encodePart, forge } from './support/jwt.ts';
import { assertLives } from './support/live-sockets.ts';
import { bearer, signIn, type Tokens } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect, refused } from './support/socket.ts';
import { ASYMMETRIC, signingWith, writeKeyFile, type Asymmetric } from './support/token-keys.ts';

const JWKS = '/.well-known/jwks.json';

async function publishedBy(app: TestApp): Promise<JWK[]> {
  const { body } = (await app.request.get(JWKS).expect(200)) as { body: { keys: JWK[] } };
  return body.keys;
}

function openPhone(app: TestApp, token: string): Test {
  return app.request.get('/api/v2/test/protected').set(bearer(token));
}

function kidOf(token: string): unknown {
  return decodePart(token, 'header').kid;
}

/** How another service verifies an access token: with what is published, and nothing of ours. */
async function verifyElsewhere(app: TestApp, token: string, algorithm: string) {
  const keys = createRemoteJWKSet(new URL(JWKS, app.url));
  return jwtVerify(token, keys, {
    issuer: app.context.config.publicUrl,
    audience: 'medallion',
    typ: 'at+jwt',
    algorithms: [algorithm],
  });
}

const nodes = Object.fromEntries(
  await Promise.all(
    ASYMMETRIC.map(async (name) => [name, await startApp({ env: signingWith(name) })] as const),
  ),
) as Record<Asymmetric, TestApp>;

for (const algorithm of ASYMMETRIC) {
  const app = nodes[algorithm];
  const [account, phone] = [await signUp(app), await signIn(app)];

  describe(`with ${algorithm}`, () => {
    test('both surfaces sign in, refresh, hold a socket and log out', async () => {
      const [own, other] = [await signUp(app), await signIn(app)];
      for (const token of [own.access_token, own.refresh_token, other.access_token]) {
        const header = decodePart(token, 'header');
        assert.equal(header.alg, algorithm);
        assert.deepEqual(Object.keys(header).sort(), ['alg', 'kid', 'typ']);
      }
      const renewed = accessOf(await renew(app, own.refresh_token).expect(200));
      await whoAmI(app, renewed).expect(200);
      const phoneRefresh = { refresh_token: other.refresh_token };
      const answer = app.request.post('/api/v2/auth/refresh').send(phoneRefresh);
      await openPhone(app, accessOf(await answer.expect(200))).expect(200);
      const sockets = [await connect(app.url, renewed), await connect(app.url, other.access_token)];
      for (const socket of sockets) await assertLives(socket);
      await app.request.post('/api/auth/logout').set(bearer(renewed)).expect(200);
      await app.request.post('/api/v2/auth/logout').set(bearer(other.access_token)).expect(200);
      for (const socket of sockets) assert.equal((await socket.closed).code, 4500);
      assertProblem(await whoAmI(app, renewed), REVOKED);
      assertProblem(await openPhone(app, other.access_token), REVOKED);
    });

    test('both kinds have keys of their own, and a node that is given the same file has the same', async () => {
      assert.notEqual(kidOf(account.access_token), kidOf(phone.access_token));
      const { JWT_PRIVATE_KEY_FILE = '' } = signingWith(algorithm);
      const env = { JWT_ALGORITHM: algorithm, JWT_PRIVATE_KEY_FILE };
      const [one, other] = [await startApp({ env }), await startApp({ env })];
      await whoAmI(other, (await signUp(one)).access_token).expect(200);
      await openPhone(other, (await signIn(one)).access_token).expect(200);
      assertProblem(await whoAmI(one, account.access_token), INVALID_TOKEN);
    });

    test('the public keys are published, and nothing of the private ones', async () => {
      const answer = await app.request.get(JWKS).expect(200);
      assert.equal(answer.headers['cache-control'], 'public, max-age=300');
      assert.match(String(answer.headers['content-type']), /^application\/jwk-set\+json/);
      const keys = await publishedBy(app);
      const kids = [account, phone].map(({ access_token }) => kidOf(access_token));
      assert.deepEqual(
        keys.map(({ kid }) => kid),
        kids,
      );
      for (const key of keys) {
        assert.deepEqual([key.use, key.alg], ['sig', algorithm]);
        assert.equal(key.kid, await calculateJwkThumbprint(key));
        const names = Object.keys(key);
        assert.ok(!names.some((name) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(name)));
      }
    });

    test('another service verifies an access token with what is published alone', async () => {
      const { payload } = await verifyElsewhere(app, account.access_token, algorithm);
      assert.deepEqual(payload, decodePart(account.access_token, 'payload'));
      for (const token of [account.refresh_token, phone.access_token, phone.refresh_token]) {
        await assert.rejects(verifyElsewhere(app, token, algorithm));
      }
      for (const other of ['HS256', ...ASYMMETRIC].filter((name) => name !== algorithm)) {
        await assert.rejects(verifyElsewhere(app, account.access_token, other));
      }
    });

    for (const [what, token] of Object.entries(forgeries(app, account, algorithm))) {
      test(`no token is forged by ${what}`, async () => {
        assertProblem(await whoAmI(app, token), INVALID_TOKEN);
        assertProblem(await openPhone(app, token), INVALID_TOKEN);
        assert.equal((await refused(app.url, { headers: bearer(token) })).status, 401);
      });
    }

    test('neither kind passes for the other, signed by the right key of the wrong kind', async () => {
      const { accountKeys, phoneKeys } = app.context;
      for (const [own, foreign, open, { access_token }] of [
        [accountKeys, phoneKeys, whoAmI, account],
        [phoneKeys, accountKeys, openPhone, phone],
      ] as const) {
        const claims = decodePart(access_token, 'payload');
        for (const { kid } of [own.signing, foreign.signing]) {
          const header = { alg: algorithm, typ: 'at+jwt', kid };
          const token = signWith(foreign.signing, header, claims);
          assertProblem(await open(app, token), INVALID_TOKEN);
        }
        const header = { alg: algorithm, typ: 'at+jwt', kid: own.signing.kid };
        await open(app, signWith(own.signing, header, claims)).expect(200);
      }
    });

    test('no change of one character and no cut is overlooked', () => {
      const { accountKeys } = app.context;
      const token = account.access_token;
      const { iat } = decodePart(token, 'payload') as { iat: number };
      const expected = { type: 'access', nowSeconds: iat } as const;
      assert.ok(decodeToken(accountKeys, token, expected));
      assert.equal(decodeToken(accountKeys, token, { ...expected, nowSeconds: iat + 900 }), null);
      const position = fc.nat(token.length - 1);
      const character = fc.string({ minLength: 1, maxLength: 1 });
      fc.assert(
        fc.property(position, character, (at, other) => {
          fc.pre(token[at] !== other);
          const changed = token.slice(0, at) + other + token.slice(at + 1);
          assert.equal(decodeToken(accountKeys, changed, expected), null);
        }),
      );
      for (const last of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=') {
        const changed = token.slice(0, -1) + last;
        if (changed !== token)
          assert.equal(decodeToken(accountKeys, changed, expected), null, last);
      }
      for (const end of [token.indexOf('.'), token.lastIndexOf('.') + 1, token.length - 1]) {
        assert.equal(decodeToken(accountKeys, token.slice(0, end), expected), null);
      }
    });
  });
}

type Signing = TestApp['context']['accountKeys']['signing'];

/** A token with any header, signed as the key's algorithm has it. */
function signWith({ algorithm, key }: Signing, header: object, claims: object): string {
  const signed = `${encodePart(header)}.${encodePart(claims)}`;
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  const signature = sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** What an attacker makes who knows all that is published. */
function forgeries(app: TestApp, { access_token }: Tokens, algorithm: Asymmetric) {
  const { signing } = app.context.accountKeys;
  const header = decodePart(access_token, 'header');
  const claims = decodePart(access_token, 'payload');
  const pem = String(signing.verifyingKey.export({ format: 'pem', type: 'spki' }));
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ownSigning = { ...signing, algorithm: 'ES256', key: own.privateKey } as const;
  const jwk = own.publicKey.export({ format: 'jwk' });
  const signed = access_token.slice(0, access_token.lastIndexOf('.'));
  const withSignature = (bytes: Uint8Array) =>
    `${signed}.${Buffer.from(bytes).toString('base64url')}`;
  const signature = Buffer.from(access_token.slice(signed.length + 1), 'base64url');
  const der = sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(signed), own.privateKey);
  return {
    'no signature': `${encodePart({ ...header, alg: 'none' })}.${encodePart(claims)}.`,
    'no signature under our header': `${signed}.`,
    'the public key as a secret': forge({ ...header, alg: 'HS256' }, claims, pem),
    'the public key as a secret, without its last line break': forge(
      { ...header, alg: 'HS256' },
      claims,
      pem.trim(),
    ),
    'the public key as a secret under our header': forge(header, claims, pem),
    'a key id that is a path': forge({ ...header, alg: 'HS256', kid: '/dev/null' }, claims, ''),
    'a key id that is SQL': forge({ ...header, kid: "' UNION SELECT 'key" }, claims, 'key'),
    'a key of its own in the header': signWith(
      ownSigning,
      { ...header, alg: 'ES256', jwk },
      claims,
    ),
    'an address of keys in the header': signWith(
      ownSigning,
      { ...header, alg: 'ES256', jku: 'https://attacker.example/jwks.json' },
      claims,
    ),
    'a key of its own under our header': signWith(ownSigning, header, claims),
    'our signature under a header with one more member': signWith(
      signing,
      { ...header, jwk },
      claims,
    ),
    'a signature in DER': withSignature(der),
    'zeros for a signature': withSignature(Buffer.alloc(signature.length)),
    'a signature that is a byte short': withSignature(signature.subarray(1)),
    'a signature that is a byte long': withSignature(Buffer.concat([signature, Buffer.alloc(1)])),
    'claims of another under our signature': [
      encodePart(header),
      encodePart({ ...claims, user_id: 999_999, sub: '999999' }),
      signature.toString('base64url'),
    ].join('.'),
  };
}

test('a signature of ES256 in DER is none, though it is our own key that made it', async () => {
  const app = nodes.ES256;
  const { access_token } = await signUp(app);
  const signed = access_token.slice(0, access_token.lastIndexOf('.'));
  const der = sign('sha256', Buffer.from(signed), app.context.accountKeys.signing.key);
  assertProblem(await whoAmI(app, `${signed}.${der.toString('base64url')}`), INVALID_TOKEN);
});

test('a derived RSA key is as long as the given one', async () => {
  const keys = await publishedBy(nodes.RS256);
  const lengths = keys.map(({ n = '' }) => Buffer.from(n, 'base64url').length * 8);
  assert.deepEqual(lengths, [2048, 2048]);
});

test('HS256 publishes no key, and no other method reads what is published', async () => {
  const app = await startApp();
  assert.deepEqual(await publishedBy(app), []);
  const answer = await app.request.post(JWKS).send({}).expect(405);
  assert.equal(answer.headers.allow, 'GET');
});

test('what only verifies is published too, each key once, and signs nothing', async () => {
  const current = signingWith('ES256');
  const previous = { JWT_PRIVATE_KEY_FILE_PREVIOUS: writeKeyFile('EdDSA') };
  const app = await startApp({ env: { ...current, ...previous } });
  const algorithms = (await publishedBy(app)).map(({ alg }) => alg);
  assert.deepEqual(algorithms, ['ES256', 'EdDSA', 'ES256', 'EdDSA']);
  const { access_token } = await signUp(app);
  await verifyElsewhere(app, access_token, 'ES256');
  const same = { JWT_PRIVATE_KEY_FILE_PREVIOUS: current.JWT_PRIVATE_KEY_FILE ?? '' };
  const once = await startApp({ env: { ...current, ...same } });
  assert.equal((await publishedBy(once)).length, 2);
});
