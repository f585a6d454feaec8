import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { ROLES, type Role } from '../config.ts';
import { deriveKey, keyedHash } from './keyed-hash.ts';
import { generateOpaqueToken } from './opaque-token.ts';

export const accessClaims = z.strictObject({
  user_id: z.int().positive(),
  phone_number: z.string(),
  role: z.enum(ROLES),
  jti: z.string(),
  iat: z.int(),
  exp: z.int(),
});

const refreshClaims = z.strictObject({
  ...accessClaims.shape,
  token_type: z.literal('refresh'),
});

interface ClaimsByType {
  access: z.infer<typeof accessClaims>;
  refresh: z.infer<typeof refreshClaims>;
}

type TokenType = keyof ClaimsByType;

/** The claims of a phone token: exactly these, whatever the user's profile holds. */
export type TokenClaims<Type extends TokenType = 'access'> = ClaimsByType[Type];

/** Explicit types (RFC 8725 §3.11): `at+jwt` is that of RFC 9068 §2.1, the refresh type is ours. */
const KINDS: { [Type in TokenType]: { typ: string; claims: z.ZodType<ClaimsByType[Type]> } } = {
  access: { typ: 'at+jwt', claims: accessClaims },
  refresh: { typ: 'rt+jwt', claims: refreshClaims },
};

/** Who a token is for, and the session and generation that it belongs to. */
export interface TokenSubject {
  userId: number;
  phoneNumber: string;
  role: Role;
  sessionId: string;
  generation: number;
}

/** From when to when a token lives, in seconds since the epoch. */
export interface TokenLife {
  issuedAt: number;
  expiresAt: number;
}

export interface SignedToken {
  token: string;
  jti: string;
}

/** The keys of one kind of token. */
export interface TokenKeys {
  signing: { kid: string; key: KeyObject };
  /** By the encoded header that we would write: no part of a foreign header is ever interpreted. */
  verifying: ReadonlyMap<string, { type: TokenType; key: KeyObject }>;
}

const ALGORITHM = 'HS256';
const MAX_TOKEN_LENGTH = 4096;

/**
 * Makes the keys of one kind of token from the current secret and, while keys are being changed, the
 * previous one. A key id is derived from its secret: the same on all nodes, and it reveals nothing.
 */
export function createTokenKeys(kind: 'phone', secrets: [string, ...string[]]): TokenKeys {
  const toKey = (secret: string): TokenKeys['signing'] => ({
    kid: keyedHash(deriveKey(secret, `jwt/${kind}/kid`), 'kid').slice(0, 11),
    key: deriveKey(secret, `jwt/${kind}`),
  });
  const verifying: [string, { type: TokenType; key: KeyObject }][] = secrets
    .map(toKey)
    .flatMap((key) => [
      [encodedHeader(key, 'access'), { type: 'access', key: key.key }],
      [encodedHeader(key, 'refresh'), { type: 'refresh', key: key.key }],
    ]);
  return { signing: toKey(secrets[0]), verifying: new Map(verifying) };
}

function encodedHeader(key: TokenKeys['signing'], type: TokenType): string {
  const token = jwt.sign({}, key.key, signOptions(key.kid, type));
  return token.slice(0, token.indexOf('.'));
}

function signOptions(kid: string, type: TokenType): jwt.SignOptions {
  return { algorithm: ALGORITHM, header: { alg: ALGORITHM, kid, typ: KINDS[type].typ } };
}

/** A signed access token and its jti, `<session id>.<generation>.<nonce>`. */
export function generateAccessToken(
  keys: TokenKeys,
  subject: TokenSubject,
  life: TokenLife,
): SignedToken {
  return sign(keys, { type: 'access', subject, life });
}

/** A signed refresh token: the claims of an access token and `token_type: "refresh"`. */
export function generateRefreshToken(
  keys: TokenKeys,
  subject: TokenSubject,
  life: TokenLife,
): SignedToken {
  return sign(keys, { type: 'refresh', subject, life });
}

interface SignInput {
  type: TokenType;
  subject: TokenSubject;
  life: TokenLife;
}

function sign({ signing }: TokenKeys, { type, subject, life }: SignInput): SignedToken {
  const jti = `${subject.sessionId}.${subject.generation}.${generateOpaqueToken(9)}`;
  const claims = {
    user_id: subject.userId,
    phone_number: subject.phoneNumber,
    role: subject.role,
    jti,
    ...(type === 'refresh' ? { token_type: type } : {}),
    iat: life.issuedAt,
    exp: life.expiresAt,
  };
  return { token: jwt.sign(claims, signing.key, signOptions(signing.kid, type)), jti };
}

/** What `decodeToken` expects, and the time to judge the expiry by. */
interface Expectation<Type extends TokenType> {
  type: Type;
  nowSeconds: number;
}

/**
 * The claims of a token that we signed, that is of the expected type and has not expired; else null.
 * Key and algorithm come from configuration (RFC 8725 §3.1), and no claim is read before the signature holds.
 */
export function decodeToken<Type extends TokenType>(
  keys: TokenKeys,
  token: string,
  { type, nowSeconds }: Expectation<Type>,
): TokenClaims<Type> | null {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const verifying = keys.verifying.get(token.slice(0, token.indexOf('.')));
  if (verifying?.type !== type) return null;
  const payload = verifySignature(token, verifying.key, nowSeconds);
  return KINDS[type].claims.safeParse(payload).data ?? null;
}

function verifySignature(token: string, key: KeyObject, nowSeconds: number): unknown {
  try {
    return jwt.verify(token, key, { algorithms: [ALGORITHM], clockTimestamp: nowSeconds });
  } catch {
    return null;
  }
}

/** The session and generation that a jti names. Only for the jti of a verified token. */
export function parseJti(jti: string): { sessionId: string; generation: number } {
  const [sessionId = '', generation = ''] = jti.split('.');
  return { sessionId, generation: Number(generation) };
}

/** Seconds that a token has left, 0 when it has expired. Only for the claims of a verified token. */
export function getTokenExpirySeconds(claims: { exp: number }, nowSeconds: number): number {
  return Math.max(0, claims.exp - nowSeconds);
}
