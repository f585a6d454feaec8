import { logIn } from './accounts.ts';
import type { TestApp } from './app.ts';
import { sessionOf, type Provoke } from './audit-scene.ts';
import { query } from './database.ts';
import { decodePart } from './jwt.ts';
import { bearer } from './phone.ts';
import { basic, signUpAs } from './staff.ts';

/** One way to each event of staff and of API clients. */
export function provokeStaff(app: TestApp) {
  return {
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
