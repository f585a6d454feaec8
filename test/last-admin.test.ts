import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Test } from 'supertest';
import { PASSWORD } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { signUpAs, type Member } from './support/staff.ts';

const [app, other] = [await startApp(), await startApp()];
const LAST_ADMIN = { status: 409, code: 'last_admin' };
const TOMORROW = new Date(Date.now() + 86_400_000).toISOString();

/** Every way in which an admin is one no more: done by `by`, on a node. */
const WAYS: Record<string, (by: Member, target: Member, node?: typeof app) => Test> = {
  demoted: (by, target, node = app) =>
    node.request
      .patch(`/api/admin/users/${target.userId}`)
      .set(bearer(by.access_token))
      .send({ roles: ['rider'] }),
  deactivated: (by, target, node = app) =>
    node.request
      .patch(`/api/admin/users/${target.userId}`)
      .set(bearer(by.access_token))
      .send({ is_active: false }),
  suspended: (by, target, node = app) =>
    node.request
      .patch(`/api/admin/users/${target.userId}`)
      .set(bearer(by.access_token))
      .send({ suspended_until: TOMORROW }),
  deleted: (by, target, node = app) =>
    node.request.delete(`/api/admin/users/${target.userId}`).set(bearer(by.access_token)),
};

async function removeAdmins(): Promise<void> {
  await query("UPDATE users SET roles = '{rider}'");
}

async function countAdmins(): Promise<number> {
  const rows = await query(
    `SELECT 1 FROM users WHERE roles @> '{admin}' AND is_active AND suspended_until IS NULL`,
  );
  return rows.length;
}

for (const [way, act] of Object.entries(WAYS)) {
  test(`the last admin is not ${way}, not by themselves either`, async () => {
    await removeAdmins();
    const admin = await signUpAs(app, 'admin');
    assertProblem(await act(admin, admin), LAST_ADMIN);
    assert.equal(await countAdmins(), 1);
    const second = await signUpAs(app, 'admin');
    await query('UPDATE users SET is_active = false WHERE id = $1', [second.userId]);
    assertProblem(await act(admin, admin), LAST_ADMIN);
  });

  test(`two admins, each ${way} by the other at once on two nodes: one is left`, async () => {
    for (let round = 0; round < 5; round += 1) {
      await removeAdmins();
      const [one, two] = [await signUpAs(app, 'admin'), await signUpAs(app, 'admin')];
      const answers = await Promise.all([act(one, two), act(two, one, other)]);
      const statuses = answers.map(({ status }) => status);
      assert.equal(statuses.filter((status) => status < 300).length, 1, statuses.join());
      assert.ok(statuses.every((status) => status < 500));
      assert.equal(await countAdmins(), 1);
    }
  });
}

test('the last admin does not erase their own account', async () => {
  await removeAdmins();
  const admin = await signUpAs(app, 'admin');
  const erase = () =>
    app.request.delete('/api/auth/me').set(bearer(admin.access_token)).send({ password: PASSWORD });
  assertProblem(await erase(), LAST_ADMIN);
  await app.request.get('/api/auth/me').set(bearer(admin.access_token)).expect(200);
  await signUpAs(app, 'admin');
  await erase().expect(204);
});
