import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolClient } from 'pg';
import { inTransaction } from '../server/store/database.ts';
import { newAccount, register, tryLogIn } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { tally } from './support/otp.ts';

const app = await startApp();

/** Ends a connection as a failover does, and waits until its client has noticed. */
async function terminate(client: PoolClient): Promise<void> {
  // Not `once`, which would listen for the error as well.
  const noticed = new Promise<void>((resolve) => {
    client.on('end', resolve);
  });
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  await query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await noticed;
}

test('a connection that is lost between two statements fails its transaction, and nothing else', async () => {
  let task = 'not run';
  const work = inTransaction(app.context.db, async (trx) => {
    await terminate(trx);
    task = 'run';
    await trx.query('SELECT 1');
  });
  await assert.rejects(work);
  assert.equal(task, 'run');
  await tryLogIn(app, await register(app)).expect(200);
});

test('connections that are lost again and again under load are answered with 503', async () => {
  const account = await register(app);
  const state = { isDone: false };
  const cutting = (async () => {
    while (!state.isDone) {
      await query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name = 'medallion' AND datname = current_database()`,
      );
    }
  })();
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, index) =>
      index % 2 === 0
        ? tryLogIn(app, account)
        : app.request.post('/api/auth/register').send(newAccount()),
    ),
  );
  state.isDone = true;
  await cutting;
  for (const status of Object.keys(tally(answers))) {
    assert.ok(['200', '201', '503'].includes(status), status);
  }
  await tryLogIn(app, account).expect(200);
});
