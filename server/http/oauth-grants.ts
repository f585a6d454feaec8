import { z } from 'zod';
import { AppError, type InputIssue } from '../errors.ts';
import type { SecondFactor } from '../use-cases/check-second-factor.ts';
import {
  backupCodeSchema,
  emailSchema,
  passwordSchema,
  refreshTokenSchema,
  toFactor,
  totpCodeSchema,
} from './schemas.ts';

/** All that a first-party app may do for its person: there are no lesser scopes (RFC 6749 §3.3). */
export const ACCOUNT_SCOPE = 'account';

export const GRANT_TYPES = ['password', 'refresh_token'] as const;

/** What any grant may send. Who the client is makes no difference, so its id and secret are not looked at. */
export const tokenForm = z
  .object({
    grant_type: z.string().meta({ examples: [...GRANT_TYPES] }),
    username: emailSchema.optional().describe('The e-mail address'),
    password: passwordSchema.optional(),
    totp_code: totpCodeSchema.optional(),
    backup_code: backupCodeSchema.optional(),
    refresh_token: refreshTokenSchema.optional(),
  })
  .meta({
    examples: [
      {
        grant_type: 'password',
        username: 'rider@example.com',
        password: 'Correct-Horse-7-Battery',
      },
    ],
  });

type TokenForm = z.output<typeof tokenForm>;

export type Grant =
  | { type: 'password'; email: string; password: string; factor: SecondFactor | null }
  | { type: 'refresh_token'; refreshToken: string };

/** The grant of a form; null where there is no such type. @throws `invalid_request` for what is missing */
export function toGrant(form: TokenForm): Grant | null {
  const { grant_type, username: email, password, refresh_token: refreshToken } = form;
  if (grant_type === 'refresh_token') {
    if (refreshToken === undefined) throw missing('refresh_token');
    return { type: grant_type, refreshToken };
  }
  if (grant_type !== 'password') return null;
  if (email === undefined) throw missing('username');
  if (password === undefined) throw missing('password');
  if (form.totp_code !== undefined && form.backup_code !== undefined) {
    throw refusal({ path: 'backup_code', message: 'is sent beside totp_code' });
  }
  return { type: grant_type, email, password, factor: toFactor(form) };
}

function missing(path: string): AppError {
  return refusal({ path, message: 'is missing' });
}

function refusal(issue: InputIssue): AppError {
  return new AppError('invalid_request', { issues: [issue] });
}
