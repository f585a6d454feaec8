import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApp } from './support/app.ts';
import { bearer, signIn } from './support/phone.ts';
import { TestClock } from './support/test-clock.ts';

const AN_HOUR_MS = 60 * 60 * 1000;

test('apps that have slept are counted each for its session, and not with all of their network', async () => {
  const clock = new TestClock();
  const app = await startApp({
    clock,
    store: 'memory',
    env: { RATE_LIMIT_API: '1/600', RATE_LIMIT_API_SESSION: '4/600' },
  });
  const [first, second] = [await signIn(app), await signIn(app)];
  clock.advance(AN_HOUR_MS);
  const ask = (token: string) => app.request.get('/api/v2/auth/me').set(bearer(token));
  for (const { access_token } of [first, second]) {
    for (let time = 0; time < 4; time += 1) await ask(access_token).expect(401);
    await ask(access_token).expect(429);
  }
  const forged = `${first.access_token.slice(0, -4)}AAAA`;
  await ask(forged).expect(401);
  await ask(forged).expect(429);
});

test('a logout by refresh token is not refused for what others of the address did', async () => {
  const app = await startApp({ store: 'memory', env: { RATE_LIMIT_API: '1/600' } });
  const { refresh_token } = await signIn(app);
  await app.request.get('/api/v2/auth/me').expect(401);
  await app.request.get('/api/v2/auth/me').expect(429);
  const answer = await app.request.post('/api/v2/auth/logout').send({ refresh_token }).expect(200);
  assert.deepEqual(answer.body, { message: 'Logged out' });
});
