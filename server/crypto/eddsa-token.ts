import { sign, verify, type KeyObject } from 'node:crypto';

/** A token in the compact form of RFC 7515 §7.1, signed with Ed25519 (RFC 8037 §3.1): jsonwebtoken knows no EdDSA. */
export function signEddsa(header: object, claims: object, key: KeyObject): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}

/**
 * The claims of a token that this key signed and that has not expired. Its header is not looked at.
 * @throws Error for any other text
 */
export function verifyEddsa(token: string, key: KeyObject, nowSeconds: number): unknown {
  const end = token.lastIndexOf('.');
  const signature = Buffer.from(token.slice(end + 1), 'base64url');
  if (!verify(null, Buffer.from(token.slice(0, end)), key, signature)) {
    throw new Error('The signature does not hold');
  }
  const payload = Buffer.from(token.slice(token.indexOf('.') + 1, end), 'base64url').toString();
  const claims = JSON.parse(payload) as { exp?: unknown } | null;
  if (Number(claims?.exp) > nowSeconds) return claims;
  throw new Error('The token has expired');
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
