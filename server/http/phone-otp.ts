import { z } from 'zod';
import { APP_ROLES, type Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { findUserById } from '../queries/users.ts';
import { deleteAccount } from '../use-cases/delete-account.ts';
import { logOut } from '../use-cases/log-out.ts';
import { logOutEverywhere } from '../use-cases/log-out-everywhere.ts';
import { refreshPhoneSession } from '../use-cases/refresh-phone-session.ts';
import { sendOneTimeCode } from '../use-cases/send-one-time-code.ts';
import { signInWithPhone } from '../use-cases/sign-in-with-phone.ts';
import { route, type Route } from './route.ts';
import {
  displayTextSchema,
  messageSchema,
  oneTimeCodeSchema,
  phoneNumberSchema,
  toUserAnswer,
  userSchema,
} from './schemas.ts';

/** RFC 6750. */
const TOKEN_TYPE = 'bearer' as const;

const accessTokenAnswer = z.object({
  access_token: z.string(),
  token_type: z.literal(TOKEN_TYPE),
  expires_in: z.int().describe('Seconds that the access token has left'),
});

const refreshTokenSchema = z.string().min(1).max(4096);

/** Sign-in with a one-time code, and what a signed-in phone does with its session. */
export function phoneOtpRoutes(config: Config): Route[] {
  return [sendRoute(config), verifyRoute(config), refreshRoute, ...logoutRoutes, ...profileRoutes];
}

function sendRoute(config: Config): Route {
  return route({
    method: 'post',
    path: '/auth/send-otp',
    summary: 'Send a one-time code by SMS',
    auth: 'public',
    limit: 'otpPerIp',
    body: z.strictObject({ phone_number: phoneNumberSchema(config) }),
    answer: z.object({ message: z.literal('OTP sent'), expires_in: z.int() }),
    errors: ['too_many_attempts', 'otp_cooldown', 'sms_unavailable', 'service_unavailable'],
    handle: async (ctx, { body }) => {
      const { expiresInSeconds } = await sendOneTimeCode(ctx, body.phone_number);
      return { message: 'OTP sent' as const, expires_in: expiresInSeconds };
    },
  });
}

function verifyRoute(config: Config): Route {
  return route({
    method: 'post',
    path: '/auth/verify-otp',
    summary: 'Sign in with the code; the first sign-in creates the user',
    auth: 'public',
    body: z.strictObject({
      phone_number: phoneNumberSchema(config),
      otp: oneTimeCodeSchema,
      role: z.enum(APP_ROLES).optional().describe('The role that the session acts in'),
      device_name: displayTextSchema.optional(),
    }),
    answer: accessTokenAnswer.extend({ refresh_token: z.string(), user: userSchema }),
    errors: [
      'otp_not_found',
      'invalid_otp',
      'too_many_attempts',
      'role_not_allowed',
      'account_disabled',
      'service_unavailable',
    ],
    handle: async (ctx, { body, client }) => {
      const session = await signInWithPhone(ctx, {
        phoneNumber: body.phone_number,
        code: body.otp,
        role: body.role,
        deviceName: body.device_name,
        client,
      });
      return {
        access_token: session.accessToken,
        refresh_token: session.refreshToken,
        token_type: TOKEN_TYPE,
        expires_in: session.expiresInSeconds,
        user: toUserAnswer(session.user, session.role),
      };
    },
  });
}

const refreshRoute = route({
  method: 'post',
  path: '/auth/refresh',
  summary: 'A new access token; the refresh token stays as it is',
  auth: 'public',
  body: z.strictObject({ refresh_token: refreshTokenSchema }),
  answer: accessTokenAnswer,
  errors: ['invalid_refresh_token', 'service_unavailable'],
  handle: async (ctx, { body }) => {
    const { accessToken, expiresInSeconds } = await refreshPhoneSession(ctx, body.refresh_token);
    return { access_token: accessToken, token_type: TOKEN_TYPE, expires_in: expiresInSeconds };
  },
});

const logoutRoutes: Route[] = [
  route({
    method: 'post',
    path: '/auth/logout',
    summary: 'End this session: its tokens and its sockets, on every node',
    auth: 'token',
    body: z.strictObject({
      refresh_token: refreshTokenSchema
        .optional()
        .describe('Enough by itself when the access token has expired'),
    }),
    answer: messageSchema,
    errors: ['invalid_token', 'token_revoked', 'invalid_refresh_token', 'service_unavailable'],
    handle: async (ctx, { body, token, client }) => {
      await logOut(ctx, { accessToken: token, refreshToken: body.refresh_token, client });
      return { message: 'Logged out' };
    },
  }),
  route({
    method: 'post',
    path: '/auth/logout-all-devices',
    summary: "End all of the user's sessions, this one included",
    auth: 'token',
    answer: messageSchema,
    errors: ['invalid_token', 'token_revoked', 'service_unavailable'],
    handle: async (ctx, { token, client }) => {
      await logOutEverywhere(ctx, { accessToken: token, client });
      return { message: 'Logged out of all devices' };
    },
  }),
];

const profileRoutes: Route[] = [
  route({
    method: 'get',
    path: '/auth/me',
    summary: 'Who this session belongs to',
    auth: 'bearer',
    answer: userSchema,
    errors: [],
    handle: async (ctx, { principal }) => {
      const user = await findUserById(ctx.db, principal.userId);
      if (user === null) throw new AppError('token_revoked');
      return toUserAnswer(user, principal.role);
    },
  }),
  route({
    method: 'delete',
    path: '/auth/me',
    summary: 'Erase the account, for a fresh one-time code',
    auth: 'bearer',
    body: z.strictObject({ otp: oneTimeCodeSchema }),
    errors: ['otp_not_found', 'invalid_otp', 'too_many_attempts'],
    handle: (ctx, { principal, body, client }) =>
      deleteAccount(ctx, { principal, code: body.otp, client }),
  }),
];
