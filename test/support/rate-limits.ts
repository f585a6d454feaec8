import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Response, Test } from 'supertest';
import { startApp, type TestApp, type TestAppOptions } from './app.ts';
import { eventually } from './eventually.ts';
import { requestCode } from './otp.ts';
import { bearer, newPhoneNumber } from './phone.ts';
import { retryAfter } from './problem.ts';

/** A request under each profile. All but the last are refused, if not for the limit then for what they lack. */
export const PROFILES = {
  login: { variable: 'RATE_LIMIT_LOGIN', ask: (app) => app.request.post('/api/auth/login') },
  register: {
    variable: 'RATE_LIMIT_REGISTER',
    ask: (app) => app.request.post('/api/auth/register'),
  },
  refresh: { variable: 'RATE_LIMIT_REFRESH', ask: refresh },
  otp: { variable: 'OTP_LIMIT_PER_IP', ask: (app) => requestCode(app, newPhoneNumber()) },
} satisfies Record<string, { variable: string; ask: (app: TestApp) => Test }>;

export function refresh(app: TestApp): Test {
  return app.request.post('/api/v2/auth/refresh').send({ refresh_token: 'no token' });
}

/** A request under no profile. */
export function open(app: TestApp, token?: string): Test {
  const request = app.request.get('/api/v2/test/protected');
  return token === undefined ? request : request.set(bearer(token));
}

/** Nodes of the same environment, which share what no other test does. */
export async function startNodes(
  count: number,
  { store, env = {} }: Pick<TestAppOptions, 'store' | 'env'>,
): Promise<[TestApp, ...TestApp[]]> {
  const own = { REDIS_KEY_PREFIX: `test:${randomBytes(6).toString('hex')}:`, ...env };
  const start = () => startApp({ ...(store && { store }), env: own });
  return [await start(), ...(await Promise.all(Array.from({ length: count - 1 }, start)))];
}

/** Asks so often at once. */
export function atOnce(count: number, ask: (index: number) => Test): Promise<Response[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => ask(index)));
}

/** How many were let through; none of them, and no refusal, may be a failure of ours. */
export function countAllowed(answers: readonly Response[]): number {
  for (const { status } of answers) assert.ok(status < 500, `nothing fails, but one is ${status}`);
  return answers.filter(({ status }) => status !== 429).length;
}

/** Goes on asking until it is blocked; gives in how many windows it went over the limit. */
export async function breachUntilBlocked(ask: () => Test, blockSeconds: number): Promise<number> {
  let breaches = 0;
  let wasAllowed = false;
  await eventually('it is blocked', async () => {
    const answer = await ask();
    const isAllowed = answer.status !== 429;
    if (wasAllowed && !isAllowed) breaches++;
    wasAllowed = isAllowed;
    return !isAllowed && retryAfter(answer) > blockSeconds - 30;
  });
  return breaches;
}
