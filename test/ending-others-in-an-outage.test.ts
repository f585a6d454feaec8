import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { databaseUrl } from './support/database.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { connect } from './support/socket.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

test('ending other sessions while PostgreSQL is away ends nothing, least of all the one that asks', async () => {
  const postgres = await startProxy(await databaseUrl());
  const app = await startApp({ env: { DATABASE_URL: postgres.url } });
  atEnd(() => {
    postgres.restore();
  });
  const phoneNumber = newPhoneNumber();
  const [mine, other] = [await signIn(app, { phoneNumber }), await signIn(app, { phoneNumber })];
  const socket = await connect(app.url, mine.access_token);
  const { session_id: otherId } = (await connect(app.url, other.access_token)).ready;
  postgres.cut();
  for (const path of ['/api/v2/auth/sessions', `/api/v2/auth/sessions/${String(otherId)}`]) {
    const answer = await app.request.delete(path).set(bearer(mine.access_token));
    assertProblem(answer, { status: 503, code: 'service_unavailable' });
  }
  postgres.restore();
  socket.send({ type: 'ping' });
  await socket.next('pong');
  for (const { access_token } of [mine, other]) {
    await app.request.get('/api/v2/test/protected').set(bearer(access_token)).expect(200);
  }
});
