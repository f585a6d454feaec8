import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import * as OTPAuth from 'otpauth';
import { generateSync } from 'otplib';
import { findTotpStep, generateTotpSecret, totpUrl } from '../server/crypto/totp.ts';

/** The secret of RFC 4226 appendix D and RFC 6238 appendix B. */
const RFC_SECRET = new OTPAuth.Secret({
  buffer: new TextEncoder().encode('12345678901234567890').buffer,
}).base32;
/** Of seconds: the step 60 000 000 begins. */
const NOW = 1_800_000_000;
const STEP = 60_000_000;
/** The first step whose code, of the secret above, is that of the next step too. */
const TWIN = 910_737;

/** The code of a time step, by otpauth. */
function codeAt(secret: string, step: number): string {
  return new OTPAuth.HOTP({ secret: OTPAuth.Secret.fromBase32(secret) }).generate({
    counter: step,
  });
}

function find(secret: string, code: string, after: number | null = null): number | null {
  return findTotpStep(secret, { code, nowSeconds: NOW, after });
}

describe('a secret', () => {
  test('is 256 random bits in base32 without padding', () => {
    const secrets = Array.from({ length: 500 }, generateTotpSecret);
    assert.equal(new Set(secrets).size, 500);
    for (const secret of secrets) {
      assert.match(secret, /^[A-Z2-7]{52}$/);
      const { bytes, base32 } = OTPAuth.Secret.fromBase32(secret);
      assert.equal(bytes.length, 32);
      assert.equal(base32, secret);
    }
  });

  test('prefers no bit, unlike those that speakeasy makes', () => {
    const ones = new Array<number>(256).fill(0);
    const count = 2000;
    for (let made = 0; made < count; made += 1) {
      const { bytes } = OTPAuth.Secret.fromBase32(generateTotpSecret());
      for (let bit = 0; bit < 256; bit += 1) {
        ones[bit] = (ones[bit] ?? 0) + (((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1);
      }
    }
    // Seven standard deviations: one failure in a billion runs.
    const most = 7 * Math.sqrt(count / 4);
    for (const each of ones) assert.ok(Math.abs(each - count / 2) < most, String(each));
  });
});

describe('the codes', () => {
  // RFC 4226 appendix D: counters 0 to 9.
  const HOTP = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ');
  for (const [step, code] of HOTP.entries()) {
    test(`are those of RFC 4226 appendix D: ${code} for ${step}`, () => {
      const nowSeconds = step * 30;
      assert.equal(findTotpStep(RFC_SECRET, { code, nowSeconds, after: null }), step);
    });
  }

  // RFC 6238 appendix B, SHA-1: of its eight digits the last six are ours.
  for (const [nowSeconds, code] of [
    [59, '94287082'],
    [1_111_111_109, '07081804'],
    [1_111_111_111, '14050471'],
    [1_234_567_890, '89005924'],
    [2_000_000_000, '69279037'],
    [20_000_000_000, '65353130'],
  ] as const) {
    test(`are those of RFC 6238 appendix B: ${code} at ${nowSeconds}`, () => {
      const attempt = { code: code.slice(-6), nowSeconds, after: null };
      assert.equal(findTotpStep(RFC_SECRET, attempt), Math.floor(nowSeconds / 30));
    });
  }

  test('are those of otplib and otpauth, for any secret at any time', () => {
    for (let each = 0; each < 300; each += 1) {
      const secret = generateTotpSecret();
      const nowSeconds = randomInt(0, 2 ** 35);
      const step = Math.floor(nowSeconds / 30);
      const totp = new OTPAuth.TOTP({ secret: OTPAuth.Secret.fromBase32(secret) });
      const codes = [
        totp.generate({ timestamp: nowSeconds * 1000 }),
        generateSync({ secret, epoch: nowSeconds }),
      ];
      for (const code of codes) {
        const found = findTotpStep(secret, { code, nowSeconds, after: null });
        // One in a million is the code of the next step as well.
        assert.ok(found === step || found === step + 1, `${secret} ${nowSeconds}`);
        assert.equal(codeAt(secret, found), code);
      }
    }
  });

  test('are right for secrets that begin or end with zero bytes', () => {
    for (const secret of [
      'A'.repeat(52),
      `${'A'.repeat(50)}BA`,
      `${'7'.repeat(20)}${'A'.repeat(32)}`,
    ]) {
      for (const step of [0, 1, STEP]) {
        const attempt = { code: codeAt(secret, step), nowSeconds: step * 30, after: null };
        assert.equal(findTotpStep(secret, attempt), step);
      }
    }
  });

  test('are right until the year 4011, when speakeasy runs out of 32 bits', () => {
    const last = 2 ** 31 - 1;
    const attempt = { code: codeAt(RFC_SECRET, last), nowSeconds: last * 30, after: null };
    assert.equal(findTotpStep(RFC_SECRET, attempt), last);
    assert.equal(new Date(last * 30 * 1000).getUTCFullYear(), 4011);
  });
});

describe('the window', () => {
  const secret = RFC_SECRET;

  test('takes the current step and its two neighbours, and no other', () => {
    for (let offset = -5; offset <= 5; offset += 1) {
      const step = Math.abs(offset) <= 1 ? STEP + offset : null;
      assert.equal(find(secret, codeAt(secret, STEP + offset)), step, String(offset));
    }
  });

  test('moves with the first second of a step, and with none of its others', () => {
    const code = codeAt(secret, STEP);
    const at = (nowSeconds: number) => findTotpStep(secret, { code, nowSeconds, after: null });
    // From the first second of the step before to the last of the step after.
    assert.equal(at(NOW - 31), null);
    assert.equal(at(NOW - 30), STEP);
    for (let second = -30; second < 60; second += 1) assert.equal(at(NOW + second), STEP);
    assert.equal(at(NOW + 59.999), STEP);
    assert.equal(at(NOW + 60), null);
  });

  test('takes a clock that is off by up to half a minute either way, at any second of a step', () => {
    for (let second = 0; second < 30; second += 1) {
      for (const skew of [-30, -15, 0, 15, 30]) {
        const step = Math.floor((NOW + second + skew) / 30);
        const attempt = { code: codeAt(secret, step), nowSeconds: NOW + second, after: null };
        assert.equal(findTotpStep(secret, attempt), step);
      }
    }
  });

  test('takes a code only once, and no older one after it', () => {
    const codes = [-1, 0, 1].map((offset) => codeAt(secret, STEP + offset));
    const found = (after: number | null) => codes.map((code) => find(secret, code, after));
    assert.deepEqual(found(null), [STEP - 1, STEP, STEP + 1]);
    assert.deepEqual(found(STEP - 2), [STEP - 1, STEP, STEP + 1]);
    assert.deepEqual(found(STEP - 1), [null, STEP, STEP + 1]);
    assert.deepEqual(found(STEP), [null, null, STEP + 1]);
    assert.deepEqual(found(STEP + 1), [null, null, null]);
    assert.deepEqual(found(STEP + 100), [null, null, null]);
  });

  test('takes a code that two steps share for the newer one: it would be accepted again otherwise', () => {
    const code = codeAt(secret, TWIN);
    assert.equal(codeAt(secret, TWIN + 1), code);
    for (const nowSeconds of [TWIN * 30, TWIN * 30 + 30]) {
      assert.equal(findTotpStep(secret, { code, nowSeconds, after: null }), TWIN + 1);
      assert.equal(findTotpStep(secret, { code, nowSeconds, after: TWIN + 1 }), null);
    }
  });
});

test('takes nothing but six digits', () => {
  const code = codeAt(RFC_SECRET, STEP);
  const [first = '', ...rest] = code;
  for (const bad of [
    '',
    code.slice(1),
    `${code}0`,
    `0${code}`,
    ` ${code}`,
    `${code}\n`,
    `${code.slice(0, 3)} ${code.slice(3)}`,
    `${code.slice(0, 5)}.`,
    `+${code.slice(1)}`,
    `-${code.slice(1)}`,
    `${code.slice(0, 5)}e`,
    '0x1234',
    'abcdef',
    // Digits of other scripts, which a number would be parsed from elsewhere.
    String.fromCodePoint(0x660 + Number(first)) + rest.join(''),
    String.fromCodePoint(0xff10 + Number(first)) + rest.join(''),
    '\u{1d7ce}'.repeat(3),
    '0'.repeat(100_000),
  ]) {
    assert.equal(find(RFC_SECRET, bad), null, bad.slice(0, 20));
  }
  assert.equal(find(RFC_SECRET, code), STEP);
});

describe('the address for the QR code', () => {
  const NAMES = [
    ['Medallion', 'ada@example.com'],
    ['City Cabs & Co', 'ada+rides@example.com'],
    ['100% Taxi', 'a b/c?d#e=f&g'],
    ['Łódź 🚕 出租车', 'željka@bücher.example'],
    ["O'Hare (ORD)!*", '"quoted local"@example.com'],
    ['Medallion', 'with:colon@example.com'],
  ] as const;

  for (const [issuer, accountName] of NAMES) {
    test(`says all that an app needs, whatever the names hold: ${issuer}, ${accountName}`, () => {
      const secret = generateTotpSecret();
      const url = totpUrl({ secret, issuer, accountName });
      const read = OTPAuth.URI.parse(url);
      assert.ok(read instanceof OTPAuth.TOTP);
      assert.equal(read.issuer, issuer);
      assert.equal(read.label, accountName);
      assert.equal(read.secret.base32, secret);
      const { algorithm, digits, period } = read;
      assert.deepEqual({ algorithm, digits, period }, { algorithm: 'SHA1', digits: 6, period: 30 });
      assert.notEqual(find(secret, read.generate({ timestamp: NOW * 1000 })), null);
      assert.match(url, /^otpauth:\/\/totp\/[\w.~!'()*%-]+:[\w.~!'()*%-]+\?[\w.~!'()*%=&-]+$/);
    });
  }

  test('is in the form that the Key URI Format has', () => {
    assert.equal(
      totpUrl({ secret: 'JBSWY3DPEHPK3PXP', issuer: 'City Cabs', accountName: 'ada@example.com' }),
      'otpauth://totp/City%20Cabs:ada%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=City%20Cabs&algorithm=SHA1&digits=6&period=30',
    );
  });
});
