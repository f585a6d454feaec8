import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Router } from 'express';
import { ROLES, type Role } from '../server/config.ts';
import type { Extension, Medallion } from '../server/extension.ts';
import { PERMISSIONS, RolePermissions } from '../server/permissions.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { signUpAs } from './support/staff.ts';

const allOf = (permissions: RolePermissions, role: Role) =>
  PERMISSIONS.filter((permission) => permissions.has(role, permission));

describe('the permissions of roles', () => {
  test('viewers read, editors write users and sessions but not roles, admins do everything', () => {
    const permissions = new RolePermissions();
    const read = ['users:read', 'sessions:read', 'audit:read', 'realtime:read'];
    assert.deepEqual(allOf(permissions, 'rider'), []);
    assert.deepEqual(allOf(permissions, 'driver'), []);
    assert.deepEqual(allOf(permissions, 'viewer').sort(), [...read].sort());
    const editor = [...read, 'users:write', 'sessions:write'];
    assert.deepEqual(allOf(permissions, 'editor').sort(), editor.sort());
    assert.deepEqual(allOf(permissions, 'admin'), [...PERMISSIONS]);
  });

  test('are added to, for one role and one service alone', () => {
    const [permissions, others] = [new RolePermissions(), new RolePermissions()];
    permissions.add('driver', 'rides:refund');
    const holders = ROLES.filter((role) => permissions.has(role, 'rides:refund'));
    assert.deepEqual(holders, ['driver', 'admin']);
    assert.equal(others.has('driver', 'rides:refund'), false);
    for (const name of ['refund', 'rides:', ':refund', 'Rides:Refund', 'rides:refund:all', '']) {
      assert.throws(() => {
        permissions.add('driver', name);
      }, RangeError);
    }
  });
});

describe('a route of a team that asks for a permission', () => {
  const extend: Extension = ({ addRouter, addRolePermission, ...medallion }: Medallion) => {
    const router = Router();
    router.use(medallion.verifyJwt);
    router.post('/', medallion.requirePermission('rides:refund'), (_req, res) => {
      res.json({ is_refunded: true });
    });
    addRouter('/refunds', router);
    addRolePermission('editor', 'rides:refund');
  };

  test('lets the roles through that have it, and puts the others on record', async () => {
    const app = await startApp({ extensions: [extend] });
    const ask = async (role: Role) => {
      const { access_token, userId } = await signUpAs(app, role);
      return { userId, answer: await app.request.post('/refunds').set(bearer(access_token)) };
    };
    for (const role of ['editor', 'admin'] as const) {
      assert.equal((await ask(role)).answer.status, 200, role);
    }
    for (const role of ['viewer', 'rider', 'driver'] as const) {
      const { userId, answer } = await ask(role);
      assertProblem(answer, { status: 403, code: 'insufficient_permissions' });
      const rows = await query<{ actor: string; details: unknown }>(
        `SELECT actor, details FROM audit_log
         WHERE user_id = $1 AND event_type = 'permission_denied'`,
        [userId],
      );
      const details = { permission: 'rides:refund', route: 'POST /refunds' };
      assert.deepEqual(rows, [{ actor: `user:${userId}`, details }]);
    }
  });
});

describe('with REQUIRE_STAFF_2FA', () => {
  test('staff without a second factor set it up first, and others are refused as before', async () => {
    const app = await startApp({ env: { REQUIRE_STAFF_2FA: 'true' } });
    const list = (token: string) => app.request.get('/api/admin/users').set(bearer(token));
    const { access_token, userId } = await signUpAs(app, 'viewer');
    assertProblem(await list(access_token), {
      status: 403,
      code: 'two_factor_required',
      detail: 'Set up the second factor first',
    });
    await app.request.post('/api/auth/setup-2fa').set(bearer(access_token)).expect(200);
    await list(access_token).expect(403);
    await query('UPDATE users SET totp_enabled = true WHERE id = $1', [userId]);
    await list(access_token).expect(200);
    const rider = await signUpAs(app, 'rider');
    assertProblem(await list(rider.access_token), {
      status: 403,
      code: 'insufficient_permissions',
    });
  });
});
