import { checkPrime, createECDH, createHmac, createPrivateKey, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const EXPONENT = 65537n;

/** Not on the event loop: of the hundreds of candidates each may take milliseconds. */
const isPrime = promisify<bigint, boolean>(checkPrime);

/**
 * The P-256 key of a seed of at least 16 random bytes: the same on every machine, and it does not give the seed
 * away. As https://c2sp.org/det-keygen has it.
 */
export function createP256Key(seed: Buffer): KeyObject {
  const draw = createDrbg(seed, Buffer.from('det ECDSA key gen P-256'));
  let scalar = draw(32);
  while (toInteger(scalar) === 0n || toInteger(scalar) >= P256_ORDER) scalar = draw(32);
  const curve = createECDH('prime256v1');
  curve.setPrivateKey(scalar);
  const point = curve.getPublicKey();
  return fromJwk({
    kty: 'EC',
    crv: 'P-256',
    d: scalar.toString('base64url'),
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  });
}

/** The Ed25519 key of 32 random bytes, which RFC 8032 §5.1.5 calls the private key itself. */
export function createEd25519Key(seed: Buffer): KeyObject {
  const key = Buffer.concat([PKCS8_ED25519, seed]);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

/** What stands before the 32 bytes in PKCS#8 (RFC 8410 §7). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/**
 * The RSA key of a seed of at least 16 random bytes, as https://c2sp.org/det-keygen has it. `bits` is a multiple
 * of 16, at least 2048.
 */
export async function createRsaKey(seed: Buffer, bits: number): Promise<KeyObject> {
  const size = Buffer.from([bits >> 8, bits & 0xff]);
  const draw = createDrbg(seed, Buffer.concat([Buffer.from('det RSA key gen'), size]));
  for (;;) {
    const p = await drawPrime(draw, bits / 16);
    const q = await drawPrime(draw, bits / 16);
    const ratio = greatestDivisor(p - 1n, q - 1n);
    const d = ratio < 2n ** 32n ? invert(EXPONENT, ((p - 1n) * (q - 1n)) / ratio) : null;
    if (d !== null) return rsaKey({ p, q, d });
  }
}

async function drawPrime(draw: Draw, bytes: number): Promise<bigint> {
  for (;;) {
    const candidate = draw(bytes);
    // The product has its full length, and (p - 1) / 2 is odd.
    candidate[0] = (candidate[0] ?? 0) | 0b1100_0000;
    candidate[bytes - 1] = (candidate[bytes - 1] ?? 0) | 0b0000_0111;
    const value = toInteger(candidate);
    if (await isPrime(value)) return value;
  }
}

function rsaKey({ p, q, d }: { p: bigint; q: bigint; d: bigint }): KeyObject {
  return fromJwk({
    kty: 'RSA',
    n: encode(p * q),
    e: encode(EXPONENT),
    d: encode(d),
    p: encode(p),
    q: encode(q),
    dp: encode(d % (p - 1n)),
    dq: encode(d % (q - 1n)),
    qi: encode(invert(q, p) ?? 0n),
  });
}

type Draw = (bytes: number) => Buffer;

/** HMAC_DRBG with SHA-256 (NIST SP 800-90A §10.1.2). */
function createDrbg(seed: Buffer, personalization: Buffer): Draw {
  let key: Buffer = Buffer.alloc(32, 0);
  let value: Buffer = Buffer.alloc(32, 1);
  const hmac = (...parts: Buffer[]) =>
    createHmac('sha256', key).update(Buffer.concat(parts)).digest();
  const update = (...input: Buffer[]) => {
    key = hmac(value, ...input);
    value = hmac(value);
  };
  update(Buffer.from([0]), seed, personalization);
  update(Buffer.from([1]), seed, personalization);
  return (bytes) => {
    const blocks = Array.from({ length: Math.ceil(bytes / 32) }, () => (value = hmac(value)));
    update(Buffer.from([0]));
    return Buffer.concat(blocks).subarray(0, bytes);
  };
}

function greatestDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestDivisor(b, a % b);
}

/** The inverse of `value` modulo `modulus`; null where there is none. */
function invert(value: bigint, modulus: bigint): bigint | null {
  let [r, newR] = [modulus, value % modulus];
  let [t, newT] = [0n, 1n];
  while (newR !== 0n) {
    const quotient = r / newR;
    [r, newR] = [newR, r - quotient * newR];
    [t, newT] = [newT, t - quotient * newT];
  }
  return r === 1n ? (t + modulus) % modulus : null;
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString('hex')}`);
}

function encode(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

function fromJwk(key: Record<string, string>): KeyObject {
  return createPrivateKey({ key, format: 'jwk' });
}
