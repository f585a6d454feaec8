import { z } from 'zod';
import { changePassword } from '../use-cases/change-password.ts';
import { toAccountPrincipal } from '../use-cases/authenticate-token.ts';
import { deleteAccountWithPassword } from '../use-cases/delete-account.ts';
import type { IssuedTokens } from '../use-cases/issue-account-tokens.ts';
import { logInWithPassword } from '../use-cases/log-in-with-password.ts';
import { refreshAccountSession } from '../use-cases/refresh-account-session.ts';
import { registerAccount } from '../use-cases/register-account.ts';
import { auditLogRoute } from './audit-log.ts';
import { route, type Route } from './route.ts';
import {
  accessTokenAnswer,
  displayTextSchema,
  emailSchema,
  messageSchema,
  passwordSchema,
  refreshTokenSchema,
  TOKEN_TYPE,
  toUserAnswer,
  usernameSchema,
  userSchema,
} from './schemas.ts';

const tokensAnswer = accessTokenAnswer.extend({ refresh_token: z.string() });

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
  answer: z.object({ user_id: z.int(), email: z.string() }),
  status: 201,
  errors: ['weak_password', 'account_exists', 'busy', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    const { userId } = await registerAccount(ctx, { ...body, client });
    return { user_id: userId, email: body.email };
  },
});

const loginRoute = route({
  method: 'post',
  path: '/login',
  summary: 'Sign in with e-mail and password',
  auth: 'public',
  limit: 'login',
  body: z.strictObject({
    email: emailSchema,
    password: passwordSchema,
    device_name: displayTextSchema.optional(),
  }),
  answer: tokensAnswer.extend({ user: userSchema }),
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
    const session = await logInWithPassword(ctx, { email, password, deviceName, client });
    return { ...toTokensAnswer(session), user: toUserAnswer(session.user, session.role) };
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
  answer: messageSchema,
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
  errors: ['invalid_credentials', 'too_many_attempts', 'busy'],
  handle: (ctx, { principal, body, client }) =>
    deleteAccountWithPassword(ctx, {
      principal: toAccountPrincipal(principal),
      password: body.password,
      client,
    }),
});

/** Sign-in with e-mail and password, and what belongs to the account itself. */
export const accountRoutes: Route[] = [
  registerRoute,
  loginRoute,
  refreshRoute,
  changePasswordRoute,
  deleteRoute,
  auditLogRoute,
];

function toTokensAnswer(tokens: IssuedTokens): z.input<typeof tokensAnswer> {
  return {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: TOKEN_TYPE,
    expires_in: tokens.expiresInSeconds,
  };
}
