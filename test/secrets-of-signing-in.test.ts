import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MOUNTS, renew, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { cookieLogIn, COOKIES } from './support/cookies.ts';
import { databaseUrl, storageAt } from './support/database.ts';
import {
  kindsOf,
  signInRoutes,
  unknownFields,
  type ApiDescription,
} from './support/described-secrets.ts';
import { grant, refreshGrant } from './support/oauth.ts';
import { signIn } from './support/phone.ts';
import { FrozenClock } from './support/rotation.ts';
import { recordedSecrets } from './support/secret-record.ts';
import { findLeaks, report } from './support/secrets-at-rest.ts';
import {
  challenge,
  FEW_CODES,
  makeAccount,
  protect,
  SURFACES,
  verify,
  verifyBackup,
} from './support/two-factor.ts';

const clock = new FrozenClock();
const app = await startApp({ clock, env: FEW_CODES });
const description = (await app.request.get('/openapi.json').expect(200)).body as ApiDescription;
const storage = storageAt(await databaseUrl());

/** Every way to sign in, or to go on being signed in. */
const WAYS: Record<string, () => Promise<unknown>> = {
  'post /api/v2/auth/verify-otp': () => signIn(app),
  'post /api/v2/auth/refresh': async () => {
    const { refresh_token } = await signIn(app);
    await renew(app, refresh_token, '/api/v2/auth').expect(200);
  },
};
WAYS[`post ${COOKIES}/login`] = async () => {
  const { account, ...person } = await protect(
    { app, mount: '/api/auth', clock },
    await makeAccount(app),
  );
  await cookieLogIn(app, account, { totp_code: person.authenticator.next() });
  await cookieLogIn(app, account, { backup_code: person.backupCodes[0] ?? '' });
};
for (const mount of MOUNTS) {
  WAYS[`post ${mount}/login`] = () => signUp(app, { mount });
  WAYS[`post ${mount}/refresh`] = async () => {
    const { refresh_token } = await signUp(app);
    await renew(app, refresh_token, mount).expect(200);
  };
}

WAYS['post /auth/token'] = async () => {
  const mount = '/api/auth';
  const person = await protect({ app, mount, clock }, await makeAccount(app));
  const { account, authenticator, backupCodes } = person;
  const { refresh_token } = await grant(app, account, { totp_code: authenticator.next() });
  await refreshGrant(app, refresh_token).expect(200);
  await grant(app, account, { backup_code: backupCodes[0] ?? '' });
};

for (const surface of SURFACES) {
  const { mount } = surface;
  const begin = async () => {
    const person = await protect({ app, mount, clock }, await surface.makePerson(app));
    return { ...person, challenge_token: await challenge(app, person) };
  };
  WAYS[`post ${mount}/verify-2fa`] = async () => {
    const { challenge_token, authenticator } = await begin();
    await verify(app, mount, { challenge_token, code: authenticator.next() }).expect(200);
  };
  WAYS[`post ${mount}/verify-backup-code`] = async () => {
    const { challenge_token, backupCodes } = await begin();
    await verifyBackup(app, mount, { challenge_token, backup_code: backupCodes[0] }).expect(200);
  };
}

test('every way to sign in is one that is tried here', () => {
  assert.deepEqual(Object.keys(WAYS).sort(), signInRoutes(description).sort());
});

for (const [route, signInThere] of Object.entries(WAYS)) {
  test(`${route} leaves no secret at rest`, async () => {
    const before = recordedSecrets().size;
    await signInThere();
    assert.ok(recordedSecrets().size > before, 'nothing that was given was kept for the search');
    assert.deepEqual(await findLeaks(storage), []);
  });
}

test('the API has no field of a secret that would not be searched for', () => {
  assert.deepEqual(unknownFields(description), []);
  const paths = {
    '/x': { post: { requestBody: { properties: { magic_token: {}, pin: {}, token_type: {} } } } },
  };
  assert.deepEqual(unknownFields({ ...description, paths }), ['magic_token', 'pin']);
});

test('the kinds of secrets that the API has are known by its description', () => {
  const kinds = kindsOf(description);
  for (const kind of ['password', 'one-time code', 'access token', 'refresh token'] as const) {
    assert.ok(kinds.includes(kind), kind);
  }
  report({ described: kinds });
  const later = kindsOf({
    paths: {
      '/verify-2fa': { post: { requestBody: { properties: { code: {}, challenge_token: {} } } } },
      '/setup-2fa': { post: { responses: { properties: { secret: {}, backup_codes: {} } } } },
    },
    components: { schemas: {}, securitySchemes: { a: { in: 'cookie' }, b: { scheme: 'basic' } } },
  });
  assert.deepEqual(later.sort(), [
    'API client secret',
    'TOTP code',
    'TOTP secret',
    'backup code',
    'challenge token',
    'server secret',
    'session cookie',
  ]);
});
