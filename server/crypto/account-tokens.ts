import { z } from 'zod';
import { ROLES, type Role } from '../config.ts';
import { generateJti, signToken, type SignedToken, type TokenKeys, type TokenLife } from './jwt.ts';

/** Who makes the tokens and whom they are for: checked in every one (RFC 8725 §3.8, §3.9). */
export interface TokenParties {
  issuer: string;
  audience: string;
}

/** The tokens of accounts, in the manner of RFC 9068 §2.2. */
export function accountTokens({ issuer, audience }: TokenParties) {
  const common = {
    sub: z.string(),
    user_id: z.int().positive(),
    jti: z.string(),
    sid: z.string(),
    iss: z.literal(issuer),
    aud: z.literal(audience),
    iat: z.int(),
    exp: z.int(),
  };
  const access = z.strictObject({
    ...common,
    email: z.string(),
    role: z.enum(ROLES),
    roles: z.array(z.enum(ROLES)),
    token_type: z.literal('access'),
    auth_time: z.int(),
    amr: z.array(z.string()),
  });
  const refresh = z.strictObject({ ...common, token_type: z.literal('refresh') });
  return {
    name: 'account',
    // Other services verify these tokens: with the key that its owner knows.
    signsWith: 'given key' as const,
    claims: { access, refresh },
    parties: { issuer, audience },
  };
}

type AccountTokens = ReturnType<typeof accountTokens>;
export type AccountClaims = z.output<AccountTokens['claims']['access']>;
export type AccountKeys = TokenKeys<AccountTokens>;

/** Who a token is for, and the session and generation that it belongs to. */
export interface AccountSubject {
  userId: number;
  email: string;
  role: Role;
  roles: Role[];
  sessionId: string;
  generation: number;
  /** When the person proved who they are, in seconds since the epoch, and how (RFC 8176). */
  authTime: number;
  amr: string[];
}

/** A signed access token with a jti of its own. */
export function generateAccountAccessToken(
  keys: AccountKeys,
  subject: AccountSubject,
  life: TokenLife,
): SignedToken {
  const jti = generateJti(subject);
  const token = signToken(keys, 'access', {
    ...commonClaims(keys, { subject, jti, life }),
    email: subject.email,
    role: subject.role,
    roles: subject.roles,
    token_type: 'access',
    auth_time: subject.authTime,
    amr: subject.amr,
  });
  return { token, jti };
}

/** A signed refresh token. Of the same subject, jti and life it says the same, byte for byte but for its signature. */
export function generateAccountRefreshToken(
  keys: AccountKeys,
  subject: Pick<AccountSubject, 'userId' | 'sessionId'> & { jti: string },
  life: TokenLife,
): string {
  const claims = commonClaims(keys, { subject, jti: subject.jti, life });
  return signToken(keys, 'refresh', { ...claims, token_type: 'refresh' });
}

interface CommonInput {
  subject: Pick<AccountSubject, 'userId' | 'sessionId'>;
  jti: string;
  life: TokenLife;
}

function commonClaims({ kind }: AccountKeys, { subject, jti, life }: CommonInput) {
  return {
    sub: String(subject.userId),
    user_id: subject.userId,
    jti,
    sid: subject.sessionId,
    iss: kind.parties.issuer,
    aud: kind.parties.audience,
    iat: life.issuedAt,
    exp: life.expiresAt,
  };
}
