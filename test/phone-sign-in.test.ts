import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { connect } from './support/socket.ts';

test('signs in, holds a socket, logs out, and the socket dies', async () => {
  const app = await startApp();
  const tokens = await signIn(app, { phoneNumber: newPhoneNumber(), role: 'driver' });
  const socket = await connect(app.url, tokens.access_token);
  assert.equal(socket.ready.role, 'driver');
  await app.request.post('/api/v2/auth/logout').set(bearer(tokens.access_token)).expect(200);
  assert.deepEqual(await socket.closed, { code: 4500, reason: 'logout' });
  assert.deepEqual(socket.frames, [{ type: 'revoked', reason: 'logout' }]);
});
