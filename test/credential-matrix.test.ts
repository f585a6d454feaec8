import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INVALID_TOKEN, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { cookie, cookieMe, cookieSignUp } from './support/cookies.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { openWebSocket, refused, listen } from './support/socket.ts';

const app = await startApp();
const phone = await signIn(app);
const account = await signUp(app);
const browser = await cookieSignUp(app);

/** Every kind of credential, each of them valid. */
const CREDENTIALS = {
  phone: bearer(phone.access_token),
  account: bearer(account.access_token),
  cookie: cookie(browser.secret),
};
type Kind = keyof typeof CREDENTIALS;
const KINDS = Object.keys(CREDENTIALS) as Kind[];

/** What each surface reads, and whom it answers. A new surface is one line. */
const SURFACES: [path: string, reads: Kind][] = [
  ['/api/v1/auth/me', 'cookie'],
  ['/api/v2/auth/me', 'phone'],
  ['/api/auth/me', 'account'],
  ['/auth/v2/me', 'account'],
];
const IDS = { phone: phone.user.id, account: account.user.id, cookie: browser.userId };

for (const [path, reads] of SURFACES) {
  describe(path, () => {
    for (const kind of KINDS) {
      test(`${kind === reads ? 'reads' : 'ignores'} the credentials of kind ${kind}`, async () => {
        const answer = await app.request.get(path).set(CREDENTIALS[kind]);
        if (kind !== reads) assertProblem(answer, INVALID_TOKEN);
        else assert.equal((answer.body as { id: number }).id, IDS[reads]);
      });
    }

    for (const kind of KINDS.filter((each) => (each === 'cookie') !== (reads === 'cookie'))) {
      test(`ignores those of kind ${kind} beside its own`, async () => {
        const answer = await app.request
          .get(path)
          .set({ ...CREDENTIALS[kind], ...CREDENTIALS[reads] });
        assert.equal((answer.body as { id: number }).id, IDS[reads]);
      });
    }
  });
}

describe('/ws', () => {
  for (const kind of ['phone', 'account'] as const) {
    test(`reads the credentials of kind ${kind}, and no cookie beside them`, async () => {
      const headers = { ...CREDENTIALS[kind], ...CREDENTIALS.cookie };
      const { user_id } = await listen(openWebSocket(app.url, { headers })).next('ready');
      assert.equal(user_id, IDS[kind]);
    });
  }

  test('ignores a cookie', async () => {
    const { status, body } = await refused(app.url, { headers: CREDENTIALS.cookie });
    assert.deepEqual([status, body.code], [401, 'invalid_token']);
  });
});

test('a bearer token that is logged out beside a cookie leaves the cookie alone', async () => {
  const { access_token } = await signUp(app);
  const headers = { ...bearer(access_token), ...CREDENTIALS.cookie };
  const answer = await app.request.post('/api/auth/logout').set(headers).send({}).expect(200);
  assert.equal(answer.get('set-cookie'), undefined);
  await cookieMe(app, browser.secret).expect(200);
});

test('a logout of /api/v1 leaves a bearer token alone', async () => {
  await app.request.post('/api/v1/auth/logout').set(CREDENTIALS.account).expect(204);
  await app.request.get('/api/auth/me').set(CREDENTIALS.account).expect(200);
});
