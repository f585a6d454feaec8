import type { AuditEventType } from '../../server/audit.ts';
import { logIn, PASSWORD, tryLogIn, WRONG_PASSWORD, type Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import { sessionOf, type Provoke } from './audit-scene.ts';
import { bearer } from './phone.ts';
import type { FrozenClock } from './rotation.ts';
import { Authenticator, beginSetUp, challenge, post, protect } from './two-factor.ts';

interface Place {
  app: TestApp;
  clock: FrozenClock;
}

type TwoFactorEvent = Extract<AuditEventType, `two_factor_${string}` | `backup_code${string}`>;

/** One way to each event of the second factor. */
export function provokeTwoFactor(place: Place): Record<TwoFactorEvent, Provoke> {
  const { app, clock } = place;
  return {
    two_factor_required: async ({ person, mark }) => {
      await protectPerson(place, person);
      await mark(
        post(app, '/api/auth/login', { email: person.email, password: person.password }),
      ).expect(200);
      return { userId: person.userId, sessionId: null };
    },
    two_factor_failed: async ({ person, mark }) => {
      const { challenge_token, code } = await failCode(place, person, 0);
      await mark(post(app, '/api/auth/verify-2fa', { challenge_token, code })).expect(401);
      return { userId: person.userId, sessionId: null };
    },
    two_factor_locked: async ({ person, mark }) => {
      const { challenge_token, code } = await failCode(place, person, 4);
      await mark(post(app, '/api/auth/verify-2fa', { challenge_token, code })).expect(401);
      return { userId: person.userId, sessionId: null };
    },
    two_factor_enabled: async ({ person, mark }) => {
      const tokens = await logIn(app, person);
      const { secret } = await beginSetUp(app, '/api/auth', tokens.access_token);
      const code = new Authenticator(secret, clock).next();
      const request = post(app, '/api/auth/verify-2fa-setup', { code });
      await mark(request.set(bearer(tokens.access_token))).expect(200);
      return { userId: person.userId, sessionId: sessionOf(tokens) };
    },
    two_factor_disabled: async ({ person, mark }) => {
      const { tokens, authenticator } = await protectPerson(place, person);
      const body = { password: PASSWORD, code: authenticator.next() };
      await mark(post(app, '/api/auth/disable-2fa', body).set(bearer(tokens.access_token))).expect(
        200,
      );
      return { userId: person.userId, sessionId: sessionOf(tokens) };
    },
    two_factor_change_failed: async ({ person, mark }) => {
      const { tokens } = await protectPerson(place, person);
      const request = post(app, '/api/auth/regenerate-backup-codes', { password: WRONG_PASSWORD });
      await mark(request.set(bearer(tokens.access_token))).expect(401);
      return { userId: person.userId, sessionId: null };
    },
    backup_code_used: async ({ person, mark }) => {
      const someone = await protectPerson(place, person);
      const challenge_token = await challenge(app, someone);
      const body = { challenge_token, backup_code: someone.backupCodes[0] };
      await mark(post(app, '/api/auth/verify-backup-code', body)).expect(200);
      return { userId: person.userId, sessionId: null };
    },
    backup_codes_regenerated: async ({ person, mark }) => {
      const { tokens } = await protectPerson(place, person);
      const request = post(app, '/api/auth/regenerate-backup-codes', { password: PASSWORD });
      await mark(request.set(bearer(tokens.access_token))).expect(200);
      return { userId: person.userId, sessionId: null };
    },
  };
}

/** Turns the second factor of somebody with an account on. */
async function protectPerson({ app, clock }: Place, person: Account) {
  const tokens = await logIn(app, person);
  const begin = async () => tryLogIn(app, person);
  const prove = () => Promise.resolve({ password: PASSWORD });
  return protect({ app, mount: '/api/auth', clock }, { tokens, begin, prove });
}

/** A challenge and a wrong code for it, after so many others. */
async function failCode(place: Place, person: Account, times: number) {
  const { app } = place;
  const someone = await protectPerson(place, person);
  const challenge_token = await challenge(app, someone);
  const body = { challenge_token, code: someone.authenticator.wrong() };
  for (let count = 0; count < times; count++)
    await post(app, '/api/auth/verify-2fa', body).expect(401);
  return body;
}
