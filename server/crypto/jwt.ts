import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { z } from 'zod';
import { deriveKey, keyedHash } from './keyed-hash.ts';
import { generateOpaqueToken } from './opaque-token.ts';

export type TokenType = 'access' | 'refresh';

/** The claims that a family of tokens has, exactly. Each family has keys of its own: none passes for another. */
export interface TokenKind<Access = unknown, Refresh = unknown> {
  name: string;
  claims: { access: z.ZodType<Access>; refresh: z.ZodType<Refresh> };
}

type ClaimsOf<Kind extends TokenKind, Type extends TokenType> = z.output<Kind['claims'][Type]>;

/** Explicit types (RFC 8725 §3.11): `at+jwt` is that of RFC 9068 §2.1, the refresh type is ours. */
const TYP: Record<TokenType, string> = { access: 'at+jwt', refresh: 'rt+jwt' };

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
export interface TokenKeys<Kind extends TokenKind = TokenKind> {
  kind: Kind;
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
export function createTokenKeys<Kind extends TokenKind>(
  kind: Kind,
  secrets: [string, ...string[]],
): TokenKeys<Kind> {
  const toKey = (secret: string): TokenKeys['signing'] => ({
    kid: keyedHash(deriveKey(secret, `jwt/${kind.name}/kid`), 'kid').slice(0, 11),
    key: deriveKey(secret, `jwt/${kind.name}`),
  });
  const verifying: [string, { type: TokenType; key: KeyObject }][] = secrets
    .map(toKey)
    .flatMap((key) => [
      [encodedHeader(key, 'access'), { type: 'access', key: key.key }],
      [encodedHeader(key, 'refresh'), { type: 'refresh', key: key.key }],
    ]);
  return { kind, signing: toKey(secrets[0]), verifying: new Map(verifying) };
}

function encodedHeader(key: TokenKeys['signing'], type: TokenType): string {
  const token = jwt.sign({}, key.key, signOptions(key.kid, type));
  return token.slice(0, token.indexOf('.'));
}

function signOptions(kid: string, type: TokenType): jwt.SignOptions {
  return { algorithm: ALGORITHM, header: { alg: ALGORITHM, kid, typ: TYP[type] } };
}

/** Signs the claims as a token of this kind and type. */
export function signToken<Kind extends TokenKind, Type extends TokenType>(
  { signing }: TokenKeys<Kind>,
  type: Type,
  claims: ClaimsOf<Kind, Type> & object,
): string {
  return jwt.sign(claims, signing.key, signOptions(signing.kid, type));
}

/** What `decodeToken` expects, and the time to judge the expiry by. */
interface Expectation<Type extends TokenType> {
  type: Type;
  nowSeconds: number;
}

/**
 * The claims of a token that we signed, that is of the expected kind and type and has not expired; else null.
 * Key and algorithm come from configuration (RFC 8725 §3.1), and no claim is read before the signature holds.
 */
export function decodeToken<Kind extends TokenKind, Type extends TokenType>(
  keys: TokenKeys<Kind>,
  token: string,
  { type, nowSeconds }: Expectation<Type>,
): ClaimsOf<Kind, Type> | null {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  const verifying = keys.verifying.get(token.slice(0, token.indexOf('.')));
  if (verifying?.type !== type) return null;
  const payload = verifySignature(token, verifying.key, nowSeconds);
  return (
    (keys.kind.claims[type].safeParse(payload).data as ClaimsOf<Kind, Type> | undefined) ?? null
  );
}

function verifySignature(token: string, key: KeyObject, nowSeconds: number): unknown {
  try {
    return jwt.verify(token, key, { algorithms: [ALGORITHM], clockTimestamp: nowSeconds });
  } catch {
    return null;
  }
}

/** A new jti, `<session id>.<generation>.<nonce>`. */
export function generateJti(session: { sessionId: string; generation: number }): string {
  return `${session.sessionId}.${session.generation}.${generateNonce()}`;
}

/** The last part of a jti: 72 random bits. */
export function generateNonce(): string {
  return generateOpaqueToken(9);
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
