import { z } from 'zod';
import { requestPasswordReset } from '../use-cases/request-password-reset.ts';
import { resetPassword } from '../use-cases/reset-password.ts';
import { sendVerification } from '../use-cases/send-verification.ts';
import { verifyEmail } from '../use-cases/verify-email.ts';
import { route, type Route } from './route.ts';
import { emailSchema, messageOf, passwordSchema } from './schemas.ts';

/** What is too long is no token; everything else is looked up, so that a link cut short says what is wrong. */
const oneTimeTokenSchema = z
  .string()
  .min(1)
  .max(256)
  .describe('Of the link that was mailed')
  .meta({ examples: ['Qb0Zt2yW6wR1mJ4uX8bK3vN7sD5fG0hLc9e1P2a3T4k'] });

const forgotRoute = route({
  method: 'post',
  path: '/forgot-password',
  summary:
    'Mail a link that sets a new password; the same answer whether or not there is an account',
  auth: 'public',
  limit: 'otp',
  body: z.strictObject({ email: emailSchema }),
  answer: messageOf('If there is an account with this address, a link is on its way to it'),
  status: 202,
  errors: ['service_unavailable'],
  handle: async (ctx, { body, client }) => {
    await requestPasswordReset(ctx, { email: body.email, client });
    return {
      message: 'If there is an account with this address, a link is on its way to it',
    };
  },
});

const resetRoute = route({
  method: 'post',
  path: '/reset-password',
  summary: 'Set a new password for the token of the link, and end every session',
  auth: 'public',
  limit: 'login',
  body: z.strictObject({ token: oneTimeTokenSchema, new_password: passwordSchema }),
  answer: messageOf('Password changed. Sign in with the new one'),
  errors: ['invalid_one_time_token', 'weak_password', 'busy', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    await resetPassword(ctx, { token: body.token, newPassword: body.new_password, client });
    return { message: 'Password changed. Sign in with the new one' };
  },
});

const verifyRoute = route({
  method: 'post',
  path: '/verify-email',
  summary: 'Verify the e-mail address with the token of the link',
  auth: 'public',
  limit: 'login',
  body: z.strictObject({ token: oneTimeTokenSchema }),
  answer: messageOf('E-mail address verified'),
  errors: ['invalid_one_time_token', 'service_unavailable'],
  handle: async (ctx, { body, client }) => {
    await verifyEmail(ctx, { token: body.token, client });
    return { message: 'E-mail address verified' };
  },
});

const resendRoute = route({
  method: 'post',
  path: '/resend-verification',
  summary: 'Mail another link that verifies the e-mail address',
  auth: 'bearer',
  limit: 'otp',
  answer: messageOf('A link is on its way to your e-mail address'),
  status: 202,
  errors: ['email_already_verified'],
  handle: async (ctx, { principal, client }) => {
    await sendVerification(ctx, { principal, client });
    return { message: 'A link is on its way to your e-mail address' };
  },
});

/** What is done with links that are mailed: a new password, and the address verified. */
export const recoveryRoutes: Route[] = [forgotRoute, resetRoute, verifyRoute, resendRoute];
