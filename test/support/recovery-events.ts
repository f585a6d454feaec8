import { logIn } from './accounts.ts';
import type { TestApp } from './app.ts';
import { sessionOf, type Provoke } from './audit-scene.ts';
import { bearer } from './phone.ts';
import { forget, lastVerifyToken, newResetToken, reset, verify } from './recovery.ts';

/** One way to each event of links that are mailed. */
export function provokeRecovery(app: TestApp) {
  const resend = (token: string) =>
    app.request.post('/api/auth/resend-verification').set(bearer(token));
  return {
    password_reset_requested: async ({ person, mark }) => {
      await mark(forget(app, person.email)).expect(202);
      return { userId: person.userId, sessionId: null };
    },
    password_reset: async ({ person, mark }) => {
      const token = await newResetToken(app, person.email);
      await mark(reset(app, token)).expect(200);
      return { userId: person.userId, sessionId: null };
    },
    all_sessions_revoked: async ({ person, mark }) => {
      await logIn(app, person);
      const token = await newResetToken(app, person.email);
      await mark(reset(app, token)).expect(200);
      return { userId: person.userId, sessionId: null };
    },
    email_verification_requested: async ({ person, mark }) => {
      const tokens = await logIn(app, person);
      await mark(resend(tokens.access_token)).expect(202);
      return { userId: person.userId, sessionId: sessionOf(tokens) };
    },
    email_verified: async ({ person, mark }) => {
      await mark(verify(app, await lastVerifyToken(app, person.email))).expect(200);
      return { userId: person.userId, sessionId: null };
    },
  } satisfies Record<string, Provoke>;
}
