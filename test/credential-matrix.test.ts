import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INVALID_TOKEN, signUp } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { cookie, cookieMe, cookieSignUp } from './support/cookies.ts';
import { bearer, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { openWebSocket, refused, listen } from './support/socket.ts';
import { makeApiClient, signUpAs } from './support/staff.ts';

const { client, env } = makeApiClient('dispatch', 'users:read');
const app = await startApp({ env });
const phone = await signIn(app);
const account = await signUpAs(app, 'admin');
const browser = await cookieSignUp(app);

/** Every kind of credential, each of them valid. */
const CREDENTIALS = {
  phone: bearer(phone.access_token),
  account: bearer(account.access_token),
  cookie: cookie(browser.secret),
  client: client.header,
};
type Kind = keyof typeof CREDENTIALS;
const KINDS = Object.keys(CREDENTIALS) as Kind[];

/** What each surface reads. A new surface is one line. */
const SURFACES: [path: string, ...reads: Kind[]][] = [
  ['/api/v1/auth/me', 'cookie'],
  ['/api/v2/auth/me', 'phone'],
  ['/api/auth/me', 'account'],
  ['/auth/v2/me', 'account'],
  [`/api/admin/users/${account.userId}`, 'account', 'client'],
];
const IDS = {
  phone: phone.user.id,
  account: account.user.id,
  cookie: browser.userId,
  client: account.user.id,
};

for (const [path, ...reads] of SURFACES) {
  describe(path, () => {
    for (const kind of KINDS) {
      const isRead = reads.includes(kind);
      test(`${isRead ? 'reads' : 'ignores'} the credentials of kind ${kind}`, async () => {
        const answer = await app.request.get(path).set(CREDENTIALS[kind]);
        if (!isRead) assertProblem(answer, INVALID_TOKEN);
        else assert.equal((answer.body as { id: number }).id, IDS[kind]);
      });
    }

    for (const own of reads) {
      // There is one Authorization header: only a cookie can come beside another credential.
      for (const kind of KINDS.filter((each) => (each === 'cookie') !== (own === 'cookie'))) {
        test(`ignores those of kind ${kind} beside those of kind ${own}`, async () => {
          const both = { ...CREDENTIALS[kind], ...CREDENTIALS[own] };
          const answer = await app.request.get(path).set(both);
          assert.equal((answer.body as { id: number }).id, IDS[own]);
        });
      }
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

  for (const kind of ['cookie', 'client'] as const) {
    test(`ignores the credentials of kind ${kind}`, async () => {
      const { status, body } = await refused(app.url, { headers: CREDENTIALS[kind] });
      assert.deepEqual([status, body.code], [401, 'invalid_token']);
    });
  }
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
