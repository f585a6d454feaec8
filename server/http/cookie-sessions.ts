import { z } from 'zod';
import { chooseSessionRole } from '../use-cases/choose-session-role.ts';
import { logInForCookie } from '../use-cases/log-in-for-cookie.ts';
import { logOutCookie } from '../use-cases/log-out-cookie.ts';
import { registerAccount } from '../use-cases/register-account.ts';
import { route, type Route } from './route.ts';
import {
  backupCodeSchema,
  displayTextSchema,
  emailSchema,
  passwordSchema,
  toFactor,
  totpCodeSchema,
  toUserAnswer,
  usernameSchema,
  userSchema,
} from './schemas.ts';

const registerRoute = route({
  method: 'post',
  path: '/register',
  summary: 'Make an account that signs in with e-mail and password',
  auth: 'public',
  limit: 'register',
  body: z.strictObject({
    email: emailSchema,
    username: usernameSchema.optional(),
    password: passwordSchema,
  }),
  answer: userSchema,
  status: 201,
  errors: ['weak_password', 'account_exists', 'busy', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    const { email, username = null, password } = body;
    const user = await registerAccount(ctx, { email, username, password, client });
    return toUserAnswer(user, chooseSessionRole(user.roles, undefined, []));
  },
});

const loginSchema = z
  .strictObject({
    email: emailSchema,
    password: passwordSchema,
    totp_code: totpCodeSchema.optional(),
    backup_code: backupCodeSchema.optional(),
    device_name: displayTextSchema.optional(),
  })
  .refine(({ totp_code, backup_code }) => totp_code === undefined || backup_code === undefined, {
    path: ['backup_code'],
    message: 'Send one code, of the app or a backup code',
  })
  .meta({
    examples: [
      { email: 'rider@example.com', password: 'Correct-Horse-7-Battery', totp_code: '042137' },
    ],
  });

const loginRoute = route({
  method: 'post',
  path: '/login',
  summary: 'Sign in with e-mail, password and, where it is on, a code of the second factor',
  auth: 'cookie-or-none',
  limit: 'login',
  body: loginSchema,
  answer: userSchema,
  errors: [
    'invalid_credentials',
    'two_factor_required',
    'invalid_two_factor_code',
    'account_disabled',
    'session_limit_reached',
    'too_many_attempts',
    'busy',
    'service_unavailable',
  ],
  handle: async (ctx, { body, principal, client, setCookie }) => {
    const { email, password, device_name: deviceName } = body;
    const given = { email, password, deviceName, factor: toFactor(body) };
    const opened = await logInForCookie(ctx, { ...given, presented: principal, client });
    setCookie(opened.secret);
    return toUserAnswer(opened.user, opened.role);
  },
});

const logoutRoute = route({
  method: 'post',
  path: '/logout',
  summary: 'End the session of the cookie, if there is one, and clear the cookie',
  auth: 'cookie-or-none',
  errors: ['service_unavailable'],
  handle: async (ctx, { principal, client, setCookie }) => {
    if (principal !== null) await logOutCookie(ctx, principal, client);
    setCookie(null);
  },
});

const meRoute = route({
  method: 'get',
  path: '/me',
  summary: 'Who this session belongs to',
  auth: 'cookie',
  answer: userSchema,
  errors: [],
  handle: (_ctx, { principal }) => Promise.resolve(toUserAnswer(principal.user, principal.role)),
});

/** Sign-in for browsers. */
export const cookieRoutes: Route[] = [registerRoute, loginRoute, logoutRoute, meRoute];
