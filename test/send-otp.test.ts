import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openRedis, REDIS_PREFIX, startApp, type TestApp } from './support/app.ts';
import {
  countMessages,
  endCooldown,
  failTimes,
  requestCode,
  resendCode,
  STORES,
  submitCode,
  tally,
} from './support/otp.ts';
import { lastCode, newPhoneNumber, sendCode } from './support/phone.ts';
import { assertProblem, retryAfter } from './support/problem.ts';
import { TestClock } from './support/test-clock.ts';

const redis = openRedis();
const clock = new TestClock();
const apps = {
  redis: await startApp({ store: 'redis' }),
  memory: await startApp({ store: 'memory', clock }),
};
const TOO_MANY = /^Too many attempts\. Try again in (\d+) seconds$/;

/** Locks a number with three wrong codes. */
async function lock(app: TestApp, phoneNumber: string): Promise<void> {
  await sendCode(app, phoneNumber);
  assert.deepEqual(await failTimes(app, phoneNumber, 3), [401, 401, 429]);
}

for (const store of STORES) {
  const app = apps[store];

  describe(`send-otp, ${store} store`, () => {
    test('answers that a code of six digits was sent, and how long it lives', async () => {
      const phoneNumber = newPhoneNumber();
      const answer = await requestCode(app, phoneNumber).expect(200);
      assert.deepEqual(answer.body, { message: 'OTP sent', expires_in: 300 });
      assert.equal(answer.get('cache-control'), 'no-store');
      const code = lastCode(app, phoneNumber);
      assert.match(code, /^\d{6}$/);
      assert.match(app.context.outbox?.list()[0]?.body ?? '', new RegExp(`^${code} `));
    });

    test('refuses a second code within a minute and sends nothing', async () => {
      const phoneNumber = newPhoneNumber();
      await requestCode(app, phoneNumber).expect(200);
      const answer = await requestCode(app, phoneNumber);
      assertProblem(answer, { status: 429, code: 'otp_cooldown' });
      assert.ok(retryAfter(answer) > 55 && retryAfter(answer) <= 60);
      assert.equal(countMessages(app, phoneNumber), 1);
    });

    test('refuses a locked number before anything is sent or counted', async () => {
      const phoneNumber = newPhoneNumber();
      await lock(app, phoneNumber);
      await endCooldown(app, phoneNumber);
      const answer = await requestCode(app, phoneNumber);
      const { detail } = assertProblem(answer, { status: 429, code: 'too_many_attempts' });
      assert.equal(Number(TOO_MANY.exec(detail)?.[1]), retryAfter(answer));
      assert.ok(retryAfter(answer) > 890 && retryAfter(answer) <= 900);
      assert.equal(countMessages(app, phoneNumber), 1);
      assert.equal(await app.context.ephemeral.get(`otp:cooldown:${phoneNumber}`), null);
    });

    test('replaces the code before with the new one', async () => {
      const phoneNumber = newPhoneNumber();
      const first = await sendCode(app, phoneNumber);
      let second = await resendCode(app, phoneNumber);
      if (second === first) second = await resendCode(app, phoneNumber);
      await submitCode(app, { phone_number: phoneNumber, otp: first }).expect(401);
      await submitCode(app, { phone_number: phoneNumber, otp: second }).expect(200);
    });

    test('forgives no failures with a new code', async () => {
      const phoneNumber = newPhoneNumber();
      await sendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 2), [401, 401]);
      await resendCode(app, phoneNumber);
      assert.deepEqual(await failTimes(app, phoneNumber, 1), [429]);
    });

    test('knows a number with spaces, dashes and parentheses for the same one', async () => {
      const digits = newPhoneNumber().slice(2);
      const [area, middle, end] = [digits.slice(0, 3), digits.slice(3, 6), digits.slice(6)];
      const phoneNumber = `+1${digits}`;
      await requestCode(app, `+1 (${area}) ${middle}-${end}`).expect(200);
      await requestCode(app, `+1-${area}-${middle}-${end}`).expect(429);
      const otp = lastCode(app, phoneNumber);
      await submitCode(app, { phone_number: `+1 ${area} ${middle} ${end}`, otp }).expect(200);
    });

    for (const text of [
      '4155550100',
      '(415) 555-0100',
      '+',
      '+1',
      '+1415',
      '',
      'rider',
      '+0123456',
    ]) {
      test(`refuses "${text}" as a number`, async () => {
        const problem = assertProblem(await requestCode(app, text), {
          status: 400,
          code: 'invalid_request',
        });
        assert.deepEqual(
          problem.errors?.map(({ path }) => path),
          ['phone_number'],
        );
      });
    }

    test('sends one message for fifty requests at once', async () => {
      const phoneNumber = newPhoneNumber();
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => requestCode(app, phoneNumber)),
      );
      assert.deepEqual(tally(answers), { 200: 1, 429: 49 });
      assert.equal(countMessages(app, phoneNumber), 1);
    });

    test('limits the codes of one number, whatever it signs in with', async () => {
      const env = { OTP_LIMIT_PER_NUMBER: '2/3600', REDIS_KEY_PREFIX: `${REDIS_PREFIX}number:` };
      const limited = await startApp({ store, env });
      const phoneNumber = newPhoneNumber();
      await resendCode(limited, phoneNumber);
      await resendCode(limited, phoneNumber);
      await endCooldown(limited, phoneNumber);
      for (const attempt of [1, 2]) {
        const answer = await requestCode(limited, phoneNumber);
        assertProblem(answer, { status: 429, code: 'rate_limited' });
        assert.ok(retryAfter(answer) > 3500, `attempt ${attempt} is told how long to wait`);
      }
      assert.equal(countMessages(limited, phoneNumber), 2);
      await requestCode(limited, newPhoneNumber()).expect(200);
    });

    test('limits the requests of one address and says what is left', async () => {
      const env = {
        OTP_LIMIT_PER_IP: '2/3600',
        TRUST_PROXY: '1',
        REDIS_KEY_PREFIX: `${REDIS_PREFIX}ip:`,
      };
      const limited = await startApp({ store, env });
      const from = (address: string) =>
        requestCode(limited, newPhoneNumber()).set('X-Forwarded-For', address);
      for (const remaining of ['1', '0']) {
        const answer = await from('192.0.2.1').expect(200);
        assert.equal(answer.get('ratelimit-limit'), '2');
        assert.equal(answer.get('ratelimit-remaining'), remaining);
        assert.ok(Number(answer.get('ratelimit-reset')) > 3500);
      }
      const refused = await from('192.0.2.1');
      assertProblem(refused, { status: 429, code: 'rate_limited' });
      assert.equal(refused.get('ratelimit-remaining'), '0');
      assert.equal(refused.get('retry-after'), refused.get('ratelimit-reset'));
      await from('192.0.2.2').expect(200);
    });

    test('takes a number without + where there is a default region', async () => {
      const regional = await startApp({ store, env: { DEFAULT_REGION: 'US' } });
      const phoneNumber = newPhoneNumber();
      await requestCode(regional, phoneNumber.slice(2)).expect(200);
      assert.match(lastCode(regional, phoneNumber), /^\d{6}$/);
      await requestCode(regional, '+919812345678').expect(200);
    });
  });
}

test('never accepts a number that cannot be stored as E.164', async () => {
  for (const phoneNumber of [
    `+49${'1'.repeat(15)}`,
    `+81${'3'.repeat(15)}`,
    '+2341234567890123456',
  ]) {
    const answer = await requestCode(apps.memory, phoneNumber);
    assertProblem(answer, { status: 400, code: 'invalid_request' });
  }
});

test('keeps a code only as a hash, under the keys of the contract, each with its end', async () => {
  const phoneNumber = newPhoneNumber();
  const code = await sendCode(apps.redis, phoneNumber);
  const stored = await redis.get(`otp:${phoneNumber}`);
  assert.ok(stored !== null && !stored.includes(code) && stored.length >= 43);
  assert.ok(isNear(await redis.pttl(`otp:${phoneNumber}`), 300_000));
  assert.ok(isNear(await redis.pttl(`otp:cooldown:${phoneNumber}`), 60_000));
  assert.doesNotMatch(String(await redis.get(`otp:cooldown:${phoneNumber}`)), new RegExp(code));
  assert.deepEqual(await failTimes(apps.redis, phoneNumber, 1), [401]);
  assert.equal(await redis.get(`otp:attempts:${phoneNumber}`), '1');
  assert.ok(isNear(await redis.pttl(`otp:attempts:${phoneNumber}`), 300_000));
  assert.deepEqual(await failTimes(apps.redis, phoneNumber, 2), [401, 429]);
  assert.ok(isNear(await redis.pttl(`otp:lockout:${phoneNumber}`), 900_000));
  assert.equal(await redis.exists(`otp:${phoneNumber}`), 0);
});

function isNear(ttlMs: number, expectedMs: number): boolean {
  return ttlMs > expectedMs - 5000 && ttlMs <= expectedMs;
}

test('gives every key in Redis an end', async () => {
  const scanner = redis.duplicate({ keyPrefix: '' });
  const keys = await scanner.keys(`${REDIS_PREFIX}*`);
  const ttls = await Promise.all(keys.map((key) => scanner.pttl(key)));
  scanner.disconnect();
  assert.ok(keys.length > 0);
  assert.deepEqual(
    keys.filter((_, index) => ttls[index] === -1),
    [],
  );
});

test('hashes one code differently for each number, and for each secret', async () => {
  const [one, other] = [newPhoneNumber(), newPhoneNumber()];
  apps.redis.context.generateCode = () => '123456';
  await sendCode(apps.redis, one);
  await sendCode(apps.redis, other);
  assert.notEqual(await redis.get(`otp:${one}`), await redis.get(`otp:${other}`));
});

test('lets a code be sent again after a minute, by the clock', async () => {
  const phoneNumber = newPhoneNumber();
  await sendCode(apps.memory, phoneNumber);
  clock.advance(59_000);
  await requestCode(apps.memory, phoneNumber).expect(429);
  clock.advance(1_500);
  await requestCode(apps.memory, phoneNumber).expect(200);
});

test('lets a code be sent again when the lockout of fifteen minutes is over', async () => {
  const phoneNumber = newPhoneNumber();
  await lock(apps.memory, phoneNumber);
  clock.advance(899_000);
  const answer = await requestCode(apps.memory, phoneNumber);
  assertProblem(answer, { status: 429, code: 'too_many_attempts' });
  clock.advance(1_500);
  await sendCode(apps.memory, phoneNumber);
  assert.deepEqual(await failTimes(apps.memory, phoneNumber, 3), [401, 401, 429]);
});

test('sends one message for requests to two nodes at once', async () => {
  const second = await startApp();
  const phoneNumber = newPhoneNumber();
  const nodes = Array.from({ length: 20 }, (_, index) => (index % 2 ? apps.redis : second));
  const answers = await Promise.all(nodes.map((node) => requestCode(node, phoneNumber)));
  assert.deepEqual(tally(answers), { 200: 1, 429: 19 });
  assert.equal(countMessages(apps.redis, phoneNumber) + countMessages(second, phoneNumber), 1);
});
