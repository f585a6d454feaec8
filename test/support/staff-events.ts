import { logIn, newAccount } from './accounts.ts';
import type { TestApp } from './app.ts';
import { sessionOf, type Expected, type Provoke, type Scene } from './audit-scene.ts';
import { query } from './database.ts';
import { decodePart } from './jwt.ts';
import { bearer } from './phone.ts';
import { basic, signUpAs } from './staff.ts';

/** One way to each event of staff and of API clients. */
export function provokeStaff(app: TestApp) {
  const change = async ({ person, mark }: Scene, body: object): Promise<Expected> => {
    const admin = await signUpAs(app, 'admin');
    const path = `/api/admin/users/${person.userId}`;
    await mark(app.request.patch(path).send(body).set(bearer(admin.access_token))).expect(200);
    return { userId: person.userId, sessionId: null };
  };
  return {
    user_created: async ({ mark }) => {
      const admin = await signUpAs(app, 'admin');
      const { email } = newAccount();
      const answer = await mark(
        app.request.post('/api/admin/users').send({ email }).set(bearer(admin.access_token)),
      ).expect(201);
      return { userId: (answer.body as { id: number }).id, sessionId: null };
    },
    roles_changed: (scene) => change(scene, { roles: ['driver'] }),
    user_activated: async (scene) => {
      await query('UPDATE users SET is_active = false WHERE id = $1', [scene.person.userId]);
      return change(scene, { is_active: true });
    },
    user_deactivated: (scene) => change(scene, { is_active: false }),
    user_suspended: (scene) => change(scene, { suspended_until: '2222-02-02T22:22:22Z' }),
    suspension_lifted: async (scene) => {
      await query("UPDATE users SET suspended_until = '2222-02-02' WHERE id = $1", [
        scene.person.userId,
      ]);
      return change(scene, { suspended_until: null });
    },
    user_unlocked: (scene) => change(scene, { unlock: true }),
    event_pushed: async ({ person, mark }) => {
      const admin = await signUpAs(app, 'admin');
      const body = { to: { user_id: person.userId }, event: 'ride_offered', data: { ride: 7 } };
      const request = app.request.post('/api/admin/realtime/events').send(body);
      await mark(request.set(bearer(admin.access_token))).expect(200);
      return { userId: person.userId, sessionId: null };
    },
    token_revoked: async ({ person, mark }) => {
      const admin = await signUpAs(app, 'admin');
      const tokens = await logIn(app, person);
      const { jti } = decodePart(tokens.access_token, 'payload') as { jti: string };
      const body = { jti, reason: 'it was in a log' };
      await mark(
        app.request.post('/api/admin/revocations').send(body).set(bearer(admin.access_token)),
      ).expect(200);
      return { userId: person.userId, sessionId: sessionOf(tokens) };
    },
    permission_denied: async ({ person, mark }) => {
      const { access_token } = await logIn(app, person);
      await mark(app.request.get('/api/admin/users').set(bearer(access_token))).expect(403);
      return { userId: person.userId, sessionId: null };
    },
    api_client_refused: async ({ mark }) => {
      await mark(app.request.get('/api/admin/users').set(basic('dispatch', 'wrong'))).expect(401);
      return { userId: null, sessionId: null };
    },
    audit_log_exported: async ({ person, mark }) => {
      await query("UPDATE users SET roles = '{viewer}' WHERE id = $1", [person.userId]);
      const { access_token } = await logIn(app, person);
      await mark(
        app.request.get('/api/admin/audit-log?format=csv').set(bearer(access_token)),
      ).expect(200);
      return { userId: null, sessionId: null };
    },
  } satisfies Record<string, Provoke>;
}
