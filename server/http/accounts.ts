import { z } from 'zod';
import { changePassword } from '../use-cases/change-password.ts';
import { toAccountPrincipal } from '../use-cases/authenticate-token.ts';
import { deleteAccount } from '../use-cases/delete-account.ts';
import { logInWithPassword } from '../use-cases/log-in-with-password.ts';
import { refreshAccountSession } from '../use-cases/refresh-account-session.ts';
import { registerAccount } from '../use-cases/register-account.ts';
import { auditLogRoute } from './audit-log.ts';
import { challengeRoutes } from './challenges.ts';
import { route, type Route } from './route.ts';
import {
  displayTextSchema,
  emailSchema,
  messageOf,
  passwordSchema,
  refreshTokenSchema,
  usernameSchema,
} from './schemas.ts';
import { signInAnswer, tokensAnswer, toSignInAnswer, toTokensAnswer } from './sign-in-answers.ts';
import { twoFactorRoutes } from './two-factor.ts';

const registerRoute = route({
  method: 'post',
  path: '/register',
  summary: 'Make an account that signs in with e-mail and password',
  auth: 'public',
  limit: 'register',
  body: z.strictObject({
    email: emailSchema,
    username: usernameSchema,
    password: passwordSchema,
  }),
  answer: z.object({
    user_id: z.int().meta({ examples: [42] }),
    email: z.string().meta({ examples: ['rider@example.com'] }),
  }),
  status: 201,
  errors: ['weak_password', 'account_exists', 'busy', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    const { id } = await registerAccount(ctx, { ...body, client });
    return { user_id: id, email: body.email };
  },
});

const loginRoute = route({
  method: 'post',
  path: '/login',
  summary: 'Sign in with e-mail and password, or be asked for the second factor',
  auth: 'public',
  limit: 'login',
  body: z.strictObject({
    email: emailSchema,
    password: passwordSchema,
    device_name: displayTextSchema.optional(),
  }),
  answer: signInAnswer,
  errors: [
    'invalid_credentials',
    'account_disabled',
    'session_limit_reached',
    'too_many_attempts',
    'busy',
    'service_unavailable',
  ],
  handle: async (ctx, { body, client }) => {
    const { email, password, device_name: deviceName } = body;
    return toSignInAnswer(await logInWithPassword(ctx, { email, password, deviceName, client }));
  },
});

const refreshRoute = route({
  method: 'post',
  path: '/refresh',
  summary: 'New access and refresh tokens; the one that was sent is used up',
  auth: 'public',
  limit: 'refresh',
  body: z.strictObject({ refresh_token: refreshTokenSchema }),
  answer: tokensAnswer,
  errors: ['invalid_refresh_token', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    const refreshToken = body.refresh_token;
    return toTokensAnswer(await refreshAccountSession(ctx, { refreshToken, client }));
  },
});

const changePasswordRoute = route({
  method: 'post',
  path: '/change-password',
  summary: 'Change the password, and end the other sessions',
  auth: 'bearer',
  limit: 'login',
  body: z.strictObject({ current_password: passwordSchema, new_password: passwordSchema }),
  answer: messageOf('Password changed'),
  errors: ['weak_password', 'invalid_credentials', 'too_many_attempts', 'busy'],
  handle: async (ctx, { principal, body, client }) => {
    await changePassword(ctx, {
      principal: toAccountPrincipal(principal),
      currentPassword: body.current_password,
      newPassword: body.new_password,
      client,
    });
    return { message: 'Password changed' };
  },
});

const deleteRoute = route({
  method: 'delete',
  path: '/me',
  summary: 'Erase the account, for its password',
  auth: 'bearer',
  limit: 'login',
  body: z.strictObject({ password: passwordSchema }),
  errors: ['invalid_credentials', 'too_many_attempts', 'busy', 'last_admin'],
  handle: (ctx, { principal, body, client }) =>
    deleteAccount(ctx, { principal, proof: body.password, client }),
});

/** Sign-in with e-mail and password, and what belongs to the account itself. */
export const accountRoutes: Route[] = [
  registerRoute,
  loginRoute,
  refreshRoute,
  changePasswordRoute,
  deleteRoute,
  auditLogRoute,
  ...challengeRoutes('account', ''),
  ...twoFactorRoutes('account', ''),
];
