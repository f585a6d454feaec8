import { toDataURL } from 'qrcode';
import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import { countBackupCodes } from '../queries/backup-codes.ts';
import type { TokenKindName } from '../use-cases/authenticate-token.ts';
import type { SecondFactor } from '../use-cases/check-second-factor.ts';
import { disableSecondFactor } from '../use-cases/disable-second-factor.ts';
import { regenerateBackupCodes } from '../use-cases/regenerate-backup-codes.ts';
import { beginSetUp, confirmSetUp } from '../use-cases/set-up-second-factor.ts';
import { route, type Route } from './route.ts';
import {
  backupCodeSchema,
  messageOf,
  oneTimeCodeSchema,
  passwordSchema,
  totpCodeSchema,
} from './schemas.ts';

/**
 * The second factor, on a surface whose people show again who they are with a password, or with a one-time code.
 * @param prefix In front of each path.
 */
export function twoFactorRoutes(kind: TokenKindName, prefix: '' | '/auth'): Route[] {
  return [...setUpRoutes(prefix), disableRoute(kind, prefix), ...backupCodeRoutes(kind, prefix)];
}

const EXAMPLE_SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXPJBSW';

const backupCodesSchema = z.array(z.string()).meta({ examples: [['K7PM2XQ9', 'R4TB8WZ1']] });

/** What an authenticator app is set up with. */
const setUpAnswer = z.object({
  secret: z
    .string()
    .describe('Base32, for apps that cannot read the QR code')
    .meta({ examples: [EXAMPLE_SECRET] }),
  otpauth_url: z.string().meta({
    examples: [
      `otpauth://totp/Medallion:rider%40example.com?secret=${EXAMPLE_SECRET}&issuer=Medallion`,
    ],
  }),
  qr_code_url: z
    .string()
    .describe('The otpauth URL as a PNG, in a data URL')
    .meta({ examples: ['data:image/png;base64,iVBORw0KGgo='] }),
  backup_codes: backupCodesSchema.describe('Shown once; they work when it is confirmed'),
});

function setUpRoutes(prefix: string): Route[] {
  return [
    route({
      method: 'post',
      path: `${prefix}/setup-2fa`,
      summary: 'Begin to set up the second factor; nothing changes until it is confirmed',
      auth: 'bearer',
      limit: 'login',
      answer: setUpAnswer,
      errors: ['two_factor_enabled'],
      handle: async (ctx, { principal }) => {
        const { secret, otpauthUrl, backupCodes } = await beginSetUp(ctx, principal);
        return {
          secret,
          otpauth_url: otpauthUrl,
          qr_code_url: await toDataURL(otpauthUrl),
          backup_codes: backupCodes,
        };
      },
    }),
    route({
      method: 'post',
      path: `${prefix}/verify-2fa-setup`,
      summary: 'Turn the second factor on with a first code of it, and end the other sessions',
      auth: 'bearer',
      limit: 'login',
      body: z.strictObject({ code: totpCodeSchema }),
      answer: messageOf('Two-factor sign-in is on'),
      errors: ['two_factor_enabled', 'two_factor_not_enabled', 'invalid_two_factor_code', 'busy'],
      handle: async (ctx, { principal, body, client }) => {
        await confirmSetUp(ctx, { principal, code: body.code, client });
        return { message: 'Two-factor sign-in is on' };
      },
    }),
  ];
}

/** Told apart by their form. */
const secondFactorSchema = z.union([
  totpCodeSchema.transform((code): SecondFactor => ({ method: 'totp', code })),
  backupCodeSchema.transform((code): SecondFactor => ({ method: 'backup_code', code })),
]);

const passwordBody = z.strictObject({ password: passwordSchema });
const otpBody = z.strictObject({ otp: oneTimeCodeSchema });
const code = secondFactorSchema;

/** What shows again who somebody is, on each surface, and how it may be refused. */
const PROOFS = {
  account: {
    body: passwordBody,
    bodyWithCode: passwordBody.extend({ code }),
    errors: ['invalid_credentials', 'too_many_attempts', 'busy'] as ErrorCode[],
  },
  phone: {
    body: otpBody,
    bodyWithCode: otpBody.extend({ code }),
    errors: ['otp_not_found', 'invalid_otp', 'too_many_attempts', 'busy'] as ErrorCode[],
  },
};

function proofOf(body: { password: string } | { otp: string }): string {
  return 'otp' in body ? body.otp : body.password;
}

function disableRoute(kind: TokenKindName, prefix: string): Route {
  const { bodyWithCode, errors } = PROOFS[kind];
  return route({
    method: 'post',
    path: `${prefix}/disable-2fa`,
    summary: 'Turn the second factor off, with a code of it, and end the other sessions',
    auth: 'bearer',
    limit: 'login',
    body: bodyWithCode,
    answer: messageOf('Two-factor sign-in is off'),
    errors: [...errors, 'two_factor_not_enabled', 'invalid_two_factor_code'],
    handle: async (ctx, { principal, body, client }) => {
      await disableSecondFactor(ctx, {
        principal,
        proof: proofOf(body),
        factor: body.code,
        client,
      });
      return { message: 'Two-factor sign-in is off' };
    },
  });
}

function backupCodeRoutes(kind: TokenKindName, prefix: string): Route[] {
  const { body, errors } = PROOFS[kind];
  return [
    route({
      method: 'get',
      path: `${prefix}/backup-codes`,
      summary: 'How many backup codes are left',
      auth: 'bearer',
      answer: z.object({ remaining: z.int().meta({ examples: [9] }) }),
      errors: [],
      handle: async (ctx, { principal }) => ({
        remaining: await countBackupCodes(ctx.db, principal.userId),
      }),
    }),
    route({
      method: 'post',
      path: `${prefix}/regenerate-backup-codes`,
      summary: 'New backup codes; those from before are void',
      auth: 'bearer',
      limit: 'login',
      body,
      answer: z.object({ backup_codes: backupCodesSchema }),
      errors: [...errors, 'two_factor_not_enabled'],
      handle: async (ctx, { principal, body, client }) => ({
        backup_codes: await regenerateBackupCodes(ctx, { principal, proof: proofOf(body), client }),
      }),
    }),
  ];
}
