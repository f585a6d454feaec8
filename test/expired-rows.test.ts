import assert from 'node:assert/strict';
import { test } from 'node:test';
import { removeExpiredRows } from '../server/use-cases/remove-expired-rows.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, signIn } from './support/phone.ts';
import { TestClock } from './support/test-clock.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

async function countRows(): Promise<{ sessions: number; revocations: number }> {
  const [row] = await query<{ sessions: number; revocations: number }>(
    `SELECT (SELECT count(*)::int FROM sessions) AS sessions,
            (SELECT count(*)::int FROM revocations) AS revocations`,
  );
  assert.ok(row);
  return row;
}

test('removes what nobody can ask for any more, and nothing earlier', async () => {
  const clock = new TestClock();
  const { context, ...app } = await startApp({ clock });
  const { access_token } = await signIn({ context, ...app });
  await signIn({ context, ...app });
  await app.request.post('/api/v2/auth/logout').set(bearer(access_token)).expect(200);
  await removeExpiredRows(context);
  assert.deepEqual(await countRows(), { sessions: 2, revocations: 1 });
  clock.advance(DAY_MS);
  await removeExpiredRows(context);
  assert.deepEqual(await countRows(), { sessions: 2, revocations: 0 });
  clock.advance(7 * DAY_MS);
  await Promise.all([removeExpiredRows(context), removeExpiredRows(context)]);
  assert.deepEqual(await countRows(), { sessions: 0, revocations: 0 });
});
