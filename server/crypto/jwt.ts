import jwt from 'jsonwebtoken';
import type { z } from 'zod';
import { isOneForm } from './base64url.ts';
import { signEddsa, verifyEddsa } from './eddsa-token.ts';
import { generateOpaqueToken } from './opaque-token.ts';
import {
  createSigningKey,
  type PublicJwk,
  type SigningKey,
  type TokenSecret,
} from './signing-key.ts';

const TOKEN_TYPES = ['access', 'refresh'] as const;
export type TokenType = (typeof TOKEN_TYPES)[number];

/** The claims that a kind of token has, exactly. Each kind has keys of its own: none passes for another. */
export interface TokenKind<Access = unknown, Refresh = unknown> {
  name: string;
  signsWith: 'given key' | 'derived key';
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
  signing: SigningKey;
  /** By the encoded header that we would write: no part of a foreign header is ever interpreted. */
  verifying: ReadonlyMap<string, readonly [TokenType, SigningKey]>;
  /** Of all that verify, those that other services may verify with. */
  publicKeys: readonly PublicJwk[];
}

const MAX_TOKEN_LENGTH = 4096;

/**
 * Makes the keys of one kind of token from what signs and, while keys are being changed, from what only
 * verifies, each with its own algorithm.
 */
export async function createTokenKeys<Kind extends TokenKind>(
  kind: Kind,
  secrets: readonly [TokenSecret, ...TokenSecret[]],
): Promise<TokenKeys<Kind>> {
  const [current, ...previous] = secrets;
  const signing = await createSigningKey(kind, current);
  const others = await Promise.all(previous.map((secret) => createSigningKey(kind, secret)));
  const keys = [signing, ...others];
  const verifying = new Map<string, [TokenType, SigningKey]>();
  for (const key of keys) {
    for (const type of TOKEN_TYPES) verifying.set(encodedHeader(key, type), [type, key]);
  }
  const known = new Map(keys.map(({ kid, publicJwk }) => [kid, publicJwk]));
  const publicKeys = [...known.values()].filter((jwk) => jwk !== null);
  return { kind, signing, verifying, publicKeys };
}

function encodedHeader(key: SigningKey, type: TokenType): string {
  return sign(key, type, {}).replace(/\..*/, '');
}

function sign({ algorithm, kid, key }: SigningKey, type: TokenType, claims: object): string {
  const header = { alg: algorithm, typ: TYP[type], kid };
  return algorithm === 'EdDSA'
    ? signEddsa(header, claims, key)
    : jwt.sign(claims, key, { algorithm, header });
}

/** Signs the claims as a token of this kind and type. */
export function signToken<Kind extends TokenKind, Type extends TokenType>(
  { signing }: TokenKeys<Kind>,
  type: Type,
  claims: ClaimsOf<Kind, Type> & object,
): string {
  return sign(signing, type, claims);
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
  const known = keys.verifying.get(token.slice(0, token.indexOf('.')));
  if (known?.[0] !== type) return null;
  const payload = verifySignature(known[1], token, nowSeconds);
  return (
    (keys.kind.claims[type].safeParse(payload).data as ClaimsOf<Kind, Type> | undefined) ?? null
  );
}

function verifySignature(
  { algorithm, verifyingKey }: SigningKey,
  token: string,
  nowSeconds: number,
): unknown {
  if (!isOneForm(token.slice(token.lastIndexOf('.') + 1))) return null;
  try {
    return algorithm === 'EdDSA'
      ? verifyEddsa(token, verifyingKey, nowSeconds)
      : jwt.verify(token, verifyingKey, { algorithms: [algorithm], clockTimestamp: nowSeconds });
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
