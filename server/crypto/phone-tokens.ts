import { z } from 'zod';
import { ROLES, type Role } from '../config.ts';
import { generateJti, signToken, type SignedToken, type TokenKeys, type TokenLife } from './jwt.ts';

/** Exactly these, whatever the user's profile holds. */
export const phoneAccessClaims = z.strictObject({
  user_id: z.int().positive(),
  phone_number: z.string(),
  role: z.enum(ROLES),
  jti: z.string(),
  iat: z.int(),
  exp: z.int(),
});

const phoneRefreshClaims = z.strictObject({
  ...phoneAccessClaims.shape,
  token_type: z.literal('refresh'),
});

/** The tokens of `/api/v2`. */
export const PHONE_TOKENS = {
  name: 'phone',
  signsWith: 'derived key' as const,
  claims: { access: phoneAccessClaims, refresh: phoneRefreshClaims },
};

export type PhoneClaims = z.output<typeof phoneAccessClaims>;
export type PhoneKeys = TokenKeys<typeof PHONE_TOKENS>;

/** Who a token is for, and the session and generation that it belongs to. */
export interface PhoneSubject {
  userId: number;
  phoneNumber: string;
  role: Role;
  sessionId: string;
  generation: number;
}

/** A signed access token and its jti. */
export function generateAccessToken(
  keys: PhoneKeys,
  subject: PhoneSubject,
  life: TokenLife,
): SignedToken {
  const claims = toClaims(subject, life);
  return { token: signToken(keys, 'access', claims), jti: claims.jti };
}

/** A signed refresh token: the claims of an access token and `token_type: "refresh"`. */
export function generateRefreshToken(
  keys: PhoneKeys,
  subject: PhoneSubject,
  life: TokenLife,
): SignedToken {
  const claims = { ...toClaims(subject, life), token_type: 'refresh' as const };
  return { token: signToken(keys, 'refresh', claims), jti: claims.jti };
}

function toClaims(subject: PhoneSubject, { issuedAt, expiresAt }: TokenLife): PhoneClaims {
  return {
    user_id: subject.userId,
    phone_number: subject.phoneNumber,
    role: subject.role,
    jti: generateJti(subject),
    iat: issuedAt,
    exp: expiresAt,
  };
}
