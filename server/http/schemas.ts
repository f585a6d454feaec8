import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js';
import { z } from 'zod';
import { ROLES, type Config, type Role } from '../config.ts';
import type { User } from '../queries/users.ts';
import type { SecondFactor } from '../use-cases/check-second-factor.ts';

/** ITU-T E.164 §6: at most 15 digits, which the library lets some countries exceed. */
const E164 = /^\+[1-9]\d{4,14}$/;

/**
 * A phone number in any usual notation, normalised to E.164; one without `+` needs the configured region.
 */
export function phoneNumberSchema({ defaultRegion }: Pick<Config, 'defaultRegion'>) {
  return z
    .string()
    .max(32)
    .meta({ examples: ['+14155550100'] })
    .transform((text, context) => {
      const number = parsePhoneNumberFromString(text, {
        extract: false,
        ...(defaultRegion === undefined ? {} : { defaultCountry: defaultRegion as CountryCode }),
      });
      if (number?.isPossible() && !number.ext && E164.test(number.number)) return number.number;
      context.addIssue({ code: 'custom', message: 'Give the number with + and the country code' });
      return z.NEVER;
    });
}

export const oneTimeCodeSchema = z
  .string()
  .regex(/^\d{6}$/, 'A code has six digits')
  .meta({ examples: ['042137'] });

/** As authenticator apps show it: six digits, with or without a space in the middle. */
export const totpCodeSchema = z
  .string()
  .max(16)
  .meta({ examples: ['042137'] })
  .transform((text) => text.replaceAll(' ', ''))
  .pipe(z.string().regex(/^\d{6}$/, 'A code has six digits'));

/** As it was written down: in either case, perhaps in groups. */
export const backupCodeSchema = z
  .string()
  .max(64)
  .meta({ examples: ['K7PM2XQ9'] })
  .transform((text) => text.replace(/[\s-]/g, '').toUpperCase())
  .pipe(
    z.string().regex(/^[A-Z0-9]{8,32}$/, 'A backup code has letters and digits, eight at least'),
  );

interface CodesInOne {
  totp_code?: string | undefined;
  backup_code?: string | undefined;
}

/** The second factor of a sign-in that sends it along; null where it does not. */
export function toFactor({ totp_code, backup_code }: CodesInOne): SecondFactor | null {
  if (totp_code !== undefined) return { method: 'totp', code: totp_code };
  return backup_code === undefined ? null : { method: 'backup_code', code: backup_code };
}

/** Text that people are shown: no control characters, which PostgreSQL and terminals cannot bear. */
export const displayTextSchema = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'Control characters are not allowed')
  .meta({ examples: ['Pixel 9'] });

/** RFC 5321 §4.5.3.1.3 allows no longer one. */
export const emailSchema = z
  .email('Give an e-mail address')
  .max(254)
  .meta({ examples: ['rider@example.com'] });

export const usernameSchema = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}._-]{2,63}$/u,
    'Use 3 to 64 letters, digits, dots, dashes and underscores',
  )
  .meta({ examples: ['ada.lovelace'] });

/** As it was typed: what a password must be is the policy's, and only for a new one. */
export const passwordSchema = z
  .string()
  .min(1)
  .max(1024)
  .meta({ examples: ['Correct-Horse-7-Battery'] });

const EXAMPLE_SESSION_ID = 'tJ5rXb0mSNqv3y8cWd7k1A';

export const sessionIdSchema = z
  .string()
  .regex(/^[\w-]{22}$/)
  .meta({ examples: [EXAMPLE_SESSION_ID] });

/** In answers, where it is opaque. */
export const sessionIdAnswer = z.string().meta({ examples: [EXAMPLE_SESSION_ID] });

const messageSchema = z
  .object({ message: z.string().describe('For people') })
  .meta({ id: 'Message' });

/** The one of a route that always says the same. */
export function messageOf(message: string) {
  return messageSchema.meta({ examples: [{ message }] });
}

const userFields = z.object({
  id: z.int().meta({ examples: [42] }),
  phone_number: z
    .string()
    .nullable()
    .meta({ examples: ['+14155550100'] }),
  email: z
    .string()
    .nullable()
    .meta({ examples: ['rider@example.com'] }),
  username: z
    .string()
    .nullable()
    .meta({ examples: ['ada.lovelace'] }),
  roles: z.array(z.enum(ROLES)),
  is_active: z.boolean(),
  email_verified: z.boolean().describe('Whether the e-mail address is known to be theirs'),
  totp_enabled: z.boolean(),
  created_at: z.iso.datetime(),
  last_login: z.iso.datetime().nullable(),
});

export const userSchema = userFields
  .extend({ role: z.enum(ROLES).describe('The role that this session acts in') })
  .meta({ id: 'User' });

/** A user whom nobody acts as. */
export const userWithoutRoleSchema = userFields;

export function toUserAnswer(user: User, role: Role): z.input<typeof userSchema> {
  return { ...toAnswerWithoutRole(user), role };
}

export function toAnswerWithoutRole(user: User): Omit<z.input<typeof userSchema>, 'role'> {
  return {
    id: user.id,
    phone_number: user.phoneNumber,
    email: user.email,
    username: user.username,
    roles: user.roles,
    is_active: user.isActive,
    email_verified: user.isEmailVerified,
    totp_enabled: user.totpEnabled,
    created_at: user.createdAt.toISOString(),
    last_login: user.lastLogin?.toISOString() ?? null,
  };
}

/** RFC 6750. */
export const TOKEN_TYPE = 'bearer' as const;

/** The parts of a JWT, cut short. */
const EXAMPLE_TOKEN = 'eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJ1c2VyX2lkIjo0Mn0.c2lnbmF0dXJl';

export const tokenSchema = z.string().meta({ examples: [EXAMPLE_TOKEN] });

export const secondsSchema = z.int().meta({ examples: [900] });

export const accessTokenAnswer = z
  .object({
    access_token: tokenSchema,
    token_type: z.literal(TOKEN_TYPE),
    expires_in: secondsSchema.describe('Seconds that the access token has left'),
  })
  .meta({ id: 'AccessToken' });

export const challengeTokenSchema = z
  .string()
  .min(1)
  .max(128)
  .meta({ examples: ['9Zt2yQ0c6wR1mJ4uX8bK3vN7sD5fG0hL'] });

export const refreshTokenSchema = z
  .string()
  .min(1)
  .max(4096)
  .meta({ examples: [EXAMPLE_TOKEN] });
