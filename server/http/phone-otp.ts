import { z } from 'zod';
import { APP_ROLES, type Config } from '../config.ts';
import { deleteAccount } from '../use-cases/delete-account.ts';
import { refreshPhoneSession } from '../use-cases/refresh-phone-session.ts';
import { sendOneTimeCode } from '../use-cases/send-one-time-code.ts';
import { signInWithPhone } from '../use-cases/sign-in-with-phone.ts';
import { challengeRoutes } from './challenges.ts';
import { route, type Route } from './route.ts';
import {
  accessTokenAnswer,
  displayTextSchema,
  oneTimeCodeSchema,
  phoneNumberSchema,
  refreshTokenSchema,
  TOKEN_TYPE,
} from './schemas.ts';
import { signInAnswer, toSignInAnswer } from './sign-in-answers.ts';
import { twoFactorRoutes } from './two-factor.ts';

type RegionConfig = Pick<Config, 'defaultRegion'>;

/** Sign-in with a one-time code, and what a signed-in phone does with its session. */
export function phoneOtpRoutes(config: RegionConfig): Route[] {
  return [
    sendRoute(config),
    verifyRoute(config),
    refreshRoute,
    deleteRoute,
    ...challengeRoutes('phone', '/auth'),
    ...twoFactorRoutes('phone', '/auth'),
  ];
}

function sendRoute(config: RegionConfig): Route {
  return route({
    method: 'post',
    path: '/auth/send-otp',
    summary: 'Send a one-time code by SMS',
    auth: 'public',
    limit: 'otp',
    body: z.strictObject({ phone_number: phoneNumberSchema(config) }),
    answer: z.object({
      message: z.literal('OTP sent'),
      expires_in: z.int().meta({ examples: [300] }),
    }),
    errors: ['too_many_attempts', 'otp_cooldown', 'sms_unavailable', 'service_unavailable'],
    handle: async (ctx, { body }) => {
      const { expiresInSeconds } = await sendOneTimeCode(ctx, body.phone_number);
      return { message: 'OTP sent' as const, expires_in: expiresInSeconds };
    },
  });
}

function verifyRoute(config: RegionConfig): Route {
  return route({
    method: 'post',
    path: '/auth/verify-otp',
    summary: 'Sign in with the code; the first sign-in creates the user',
    auth: 'public',
    limit: 'login',
    body: z.strictObject({
      phone_number: phoneNumberSchema(config),
      otp: oneTimeCodeSchema,
      role: z.enum(APP_ROLES).optional().describe('The role that the session acts in'),
      device_name: displayTextSchema.optional(),
    }),
    answer: signInAnswer,
    errors: [
      'otp_not_found',
      'invalid_otp',
      'too_many_attempts',
      'role_not_allowed',
      'account_disabled',
      'session_limit_reached',
      'service_unavailable',
    ],
    handle: async (ctx, { body, client }) => {
      const signedIn = await signInWithPhone(ctx, {
        phoneNumber: body.phone_number,
        code: body.otp,
        role: body.role,
        deviceName: body.device_name,
        client,
      });
      return toSignInAnswer(signedIn);
    },
  });
}

const refreshRoute = route({
  method: 'post',
  path: '/auth/refresh',
  summary: 'A new access token; the refresh token stays as it is',
  auth: 'public',
  limit: 'refresh',
  body: z.strictObject({ refresh_token: refreshTokenSchema }),
  answer: accessTokenAnswer,
  errors: ['invalid_refresh_token', 'service_unavailable'],
  handle: async (ctx, { body }) => {
    const { accessToken, expiresInSeconds } = await refreshPhoneSession(ctx, body.refresh_token);
    return { access_token: accessToken, token_type: TOKEN_TYPE, expires_in: expiresInSeconds };
  },
});

const deleteRoute = route({
  method: 'delete',
  path: '/auth/me',
  summary: 'Erase the account, for a fresh one-time code',
  auth: 'bearer',
  body: z.strictObject({ otp: oneTimeCodeSchema }),
  errors: ['otp_not_found', 'invalid_otp', 'too_many_attempts', 'last_admin'],
  handle: (ctx, { principal, body, client }) =>
    deleteAccount(ctx, { principal, proof: body.otp, client }),
});
