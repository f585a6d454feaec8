import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { memoryStorage } from '../client/src/medallion.ts';
import { eventsOf } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import {
  assertCode,
  enterByPassword,
  enterByPhone,
  keptIn,
  openClient,
  recordRequests,
  refreshTokenIn,
  untilOpen,
  urlOf,
} from './support/client.ts';
import { eventually } from './support/eventually.ts';
import { bearer } from './support/phone.ts';
import { familyOf } from './support/rotation.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { TestClock } from './support/test-clock.ts';

const ACCESS_LIFE_MS = 15 * 60_000;

const clock = new TestClock();
const app = await startApp({ clock });

async function openAccount(options: Parameters<typeof openClient>[1] = {}) {
  const storage = memoryStorage();
  const opened = await openClient(app, { storage, ...options });
  await enterByPassword(app, opened.client);
  return { ...opened, storage, refreshToken: refreshTokenIn(storage) };
}

/** A gate in front of a path: what was asked there waits until it is opened. */
function gate(path: string) {
  const opened = Promise.withResolvers<undefined>();
  let asked = 0;
  const gated: typeof fetch = async (input, init) => {
    const answer = fetch(input, init);
    if (!urlOf(input).endsWith(path)) return answer;
    asked += 1;
    const given = await answer;
    await opened.promise;
    return given;
  };
  return {
    fetch: gated,
    reached: () => eventually(`${path} is asked`, () => asked > 0),
    open: () => {
      opened.resolve(undefined);
    },
  };
}

describe('a sign-out', () => {
  test('ends the session here at once, and at the service', async () => {
    const { client, storage, refreshToken } = await openAccount();
    const token = client.session?.accessToken ?? '';
    const live = client.connect();
    await untilOpen(live);
    const ends: unknown[] = [];
    client.on('signedOut', (end) => ends.push(end));
    const signedOut = client.signOut();
    assert.equal(client.session, null);
    assert.equal(live.state, 'closed');
    assert.deepEqual(ends, [{ reason: 'logout', detail: 'The session was signed out' }]);
    await signedOut;
    assert.ok(keptIn(storage).endsWith('"session":null}'));
    await app.request.get('/api/auth/me').set(bearer(token)).expect(401);
    assert.equal((await familyOf(refreshToken)).endReason, 'logout');
    await client.signOut();
    assert.equal(ends.length, 1);
  });

  test('leaves calls that are refused with a word', async () => {
    const { client } = await openAccount();
    await client.signOut();
    for (const call of [
      () => client.me(),
      () => client.refresh(),
      () => client.request('GET', '/api/auth/me'),
      () => client.fetch('/api/auth/me'),
      () => client.listSessions(),
      () => client.endSession('x'),
      () => client.signOutEverywhere(),
    ]) {
      await assertCode(call(), 'signed_out');
    }
    assert.throws(() => client.connect(), { code: 'signed_out' });
    assert.throws(() => client.authPath('/me'), { code: 'signed_out' });
  });

  test('by an expired access token ends the session all the same', async () => {
    const { client, refreshToken } = await openAccount();
    clock.advance(ACCESS_LIFE_MS + 1000);
    await client.signOut();
    assert.equal((await familyOf(refreshToken)).endReason, 'logout');
  });

  test('without a network is told when there is one', async () => {
    const proxy = await startProxy(app.url);
    const { client, timing, refreshToken } = await openAccount({ url: proxy.url });
    timing.luck = 0.5;
    proxy.cut();
    await client.signOut();
    assert.equal(client.session, null);
    assert.equal((await familyOf(refreshToken)).endReason, null);
    timing.advance(500);
    proxy.restore();
    timing.advance(2000);
    await eventually('the session has ended', async () => {
      timing.advance(4000);
      return (await familyOf(refreshToken)).endReason === 'logout';
    });
  });

  test('while a refresh is under way is not undone by its answer', async () => {
    const { open, reached, ...gated } = gate('/refresh');
    const { client, storage, refreshToken } = await openAccount(gated);
    const seen: string[] = [];
    client.on('refreshed', () => seen.push('refreshed'));
    client.on('signedIn', () => seen.push('signedIn'));
    const refreshed = assertCode(client.refresh(), 'signed_out');
    await reached();
    const signedOut = client.signOut();
    open();
    await Promise.all([refreshed, signedOut]);
    assert.equal(client.session, null);
    assert.ok(keptIn(storage).endsWith('"session":null}'));
    assert.equal((await familyOf(refreshToken)).endReason, 'logout');
    assert.deepEqual(seen, []);
  });

  test('while the tokens of a refresh are being stored is not undone either', async () => {
    const memory = memoryStorage();
    const waiting: (() => void)[] = [];
    let isSlow = false;
    const storage = {
      ...memory,
      set: async (value: string) => {
        if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve));
        await memory.set(value);
      },
    };
    const { client } = await openClient(app, { storage });
    await enterByPassword(app, client);
    isSlow = true;
    const refreshed = assertCode(client.refresh(), 'signed_out');
    await eventually('the tokens are being stored', () => waiting.length > 0);
    isSlow = false;
    const signedOut = client.signOut();
    waiting[0]?.();
    await Promise.all([refreshed, signedOut]);
    assert.ok(keptIn(memory).endsWith('"session":null}'));
  });

  test('of all devices ends every session, or none where the service cannot be told', async () => {
    const proxy = await startProxy(app.url);
    const { client } = await openAccount({ url: proxy.url });
    const account = await openClient(app);
    const credentials = await enterByPassword(app, account.client);
    const other = await openClient(app);
    await enterByPassword(app, other.client, credentials);
    proxy.cut();
    await assertCode(client.signOutEverywhere(), 'no_answer');
    assert.notEqual(client.session, null);
    const ends: string[] = [];
    account.client.on('signedOut', ({ reason }) => ends.push(reason));
    await account.client.signOutEverywhere();
    assert.deepEqual(ends, ['logout_all']);
    await assertCode(other.client.me(), 'signed_out');
  });
});

describe('a sign-in as somebody else', () => {
  test('while a call waits for a token does not send it with the new one', async () => {
    const { open, reached, ...gated } = gate('/refresh');
    const { client, timing, refreshToken } = await openAccount(gated);
    timing.advance(ACCESS_LIFE_MS);
    const call = assertCode(client.request('DELETE', '/api/auth/sessions'), 'signed_out');
    await reached();
    await enterByPhone(app, client);
    const requests = recordRequests(app);
    open();
    await call;
    assert.deepEqual(requests, []);
    assert.equal(client.session?.kind, 'phone');
    assert.equal((await client.me()).id, client.session.user.id);
    await eventually(
      'the first has ended',
      async () => (await familyOf(refreshToken)).endReason === 'logout',
    );
  });

  test('while a refusal is on its way does not repeat the call for the new one', async () => {
    const { open, reached, ...gated } = gate('/me');
    const { client } = await openAccount(gated);
    clock.advance(ACCESS_LIFE_MS + 1000);
    const call = assertCode(client.me(), 'signed_out');
    await reached();
    await enterByPhone(app, client);
    const requests = recordRequests(app);
    open();
    await call;
    assert.deepEqual(requests, []);
  });

  test('by a listener of the sign-out begins a session that stays', async () => {
    const { client, storage } = await openAccount();
    const begun = Promise.withResolvers<undefined>();
    client.on('signedOut', () => {
      void enterByPhone(app, client).then(() => {
        begun.resolve(undefined);
      });
    });
    await client.signOut();
    await begun.promise;
    assert.equal(client.session?.kind, 'phone');
    assert.ok(keptIn(storage).includes(client.session.accessToken));
  });

  test('leaves the live socket of the first one closed', async () => {
    const { client } = await openAccount();
    const live = client.connect();
    await untilOpen(live);
    await enterByPhone(app, client);
    assert.equal(live.state, 'closed');
    await untilOpen(client.connect());
  });
});

describe('a listener', () => {
  test('that throws is reported, and neither stops the others nor the client', async () => {
    const errors: unknown[] = [];
    const { client } = await openAccount({ onError: (error) => errors.push(error) });
    const failure = new Error('of the app');
    client.on('signedOut', () => {
      throw failure;
    });
    let calls = 0;
    const unsubscribe = client.on('signedOut', () => (calls += 1));
    await client.signOut();
    assert.deepEqual(errors, [failure]);
    assert.equal(calls, 1);
    unsubscribe();
    await enterByPassword(app, client);
    await client.signOut();
    assert.equal(calls, 1);
  });
});

test('the audit log has the sign-out', async () => {
  const { client } = await openAccount();
  const id = client.session?.user.id ?? 0;
  await client.signOut();
  assert.equal((await eventsOf(id)).at(-1), 'logout');
});
