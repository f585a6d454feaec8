import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { startApp, type TestApp } from './support/app.ts';
import { endCooldown, failTimes, requestCode, STORES, submitCode } from './support/otp.ts';
import { newPhoneNumber, sendCode } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { startProvider, type Behaviour, type Provider } from './support/provider.ts';
import { TestClock } from './support/test-clock.ts';

const SECRET = 'q8vF3tLz0XnB7yWc5rKd1mGh9pSj2aEu';
const UNAVAILABLE = { status: 503, code: 'sms_unavailable' };

function webhookEnvironment({ url }: Provider): Record<string, string> {
  return {
    SMS_PROVIDER: 'webhook',
    SMS_WEBHOOK_URL: `${url}/hook?team=1`,
    SMS_WEBHOOK_SECRET: SECRET,
  };
}

interface Message {
  to: string;
  body: string;
  code: string;
}

function messagesOf(provider: Provider): Message[] {
  return provider.requests.map(({ body }) => JSON.parse(body) as Message);
}

interface Setup {
  provider: Provider;
  app: TestApp;
}

async function setUp(store: 'redis' | 'memory', env: Record<string, string> = {}): Promise<Setup> {
  const provider = await startProvider();
  return {
    provider,
    app: await startApp({ store, env: { ...webhookEnvironment(provider), ...env } }),
  };
}

describe('Twilio', () => {
  test('is sent the message as its API has it', async () => {
    const provider = await startProvider();
    const app = await startApp({
      env: {
        SMS_PROVIDER: 'twilio',
        TWILIO_BASE_URL: provider.url,
        TWILIO_ACCOUNT_SID: 'AC/1',
        TWILIO_AUTH_TOKEN: 'sécret',
        TWILIO_FROM: '+14155550100',
      },
    });
    const phoneNumber = newPhoneNumber();
    await requestCode(app, phoneNumber).expect(200);
    const [request, ...others] = provider.requests;
    assert.ok(request);
    assert.deepEqual(others, []);
    assert.equal(request.method, 'POST');
    assert.equal(request.path, '/2010-04-01/Accounts/AC%2F1/Messages.json');
    const credentials = Buffer.from('AC/1:sécret').toString('base64');
    assert.equal(request.headers.authorization, `Basic ${credentials}`);
    assert.match(request.headers['content-type'] ?? '', /^application\/x-www-form-urlencoded/);
    const { Body: body = '', ...form } = Object.fromEntries(new URLSearchParams(request.body));
    assert.deepEqual(form, { To: phoneNumber, From: '+14155550100' });
    const otp = /\b\d{6}\b/.exec(body)?.[0] ?? '';
    await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
    await app.request.get('/dev/outbox').expect(404);
  });
});

describe('a webhook', () => {
  test('is sent the message, signed as Standard Webhooks has it', async () => {
    const provider = await startProvider();
    const clock = new TestClock();
    clock.advance(3_600_000);
    const app = await startApp({ clock, env: webhookEnvironment(provider) });
    const phoneNumber = newPhoneNumber();
    await requestCode(app, phoneNumber).expect(200);
    const [request] = provider.requests;
    assert.ok(request);
    assert.equal(request.path, '/hook?team=1');
    assert.equal(request.headers['content-type'], 'application/json');
    const id = String(request.headers['webhook-id']);
    const timestamp = String(request.headers['webhook-timestamp']);
    assert.match(id, /^msg_/);
    assert.ok(Math.abs(Number(timestamp) - clock.now() / 1000) < 5);
    const signed = createHmac('sha256', SECRET).update(`${id}.${timestamp}.${request.body}`);
    assert.equal(request.headers['webhook-signature'], `v1,${signed.digest('base64')}`);
    const { to, body, code } = JSON.parse(request.body) as Message;
    assert.equal(to, phoneNumber);
    assert.ok(body.includes(code));
    await submitCode(app, { phone_number: phoneNumber, otp: code }).expect(200);
  });

  for (const failure of [500, 503, 'reset'] as const) {
    test(`is asked once more after ${failure}, with the same id and code`, async () => {
      const { app, provider } = await setUp('memory');
      provider.behave(failure);
      await requestCode(app, newPhoneNumber()).expect(200);
      assert.equal(provider.requests.length, 2);
      const [one, other] = provider.requests;
      assert.equal(other?.body, one?.body);
      assert.equal(other?.headers['webhook-id'], one?.headers['webhook-id']);
    });
  }

  test('is asked once more where it does not answer in time', async () => {
    const { app, provider } = await setUp('memory');
    provider.behave('hang');
    await requestCode(app, newPhoneNumber()).expect(200);
    assert.equal(provider.requests.length, 2);
  });

  for (const status of [400, 401, 404, 429]) {
    test(`is not asked again after ${status}`, async () => {
      const { app, provider } = await setUp('memory');
      provider.behave(status);
      assertProblem(await requestCode(app, newPhoneNumber()), UNAVAILABLE);
      assert.equal(provider.requests.length, 1);
    });
  }

  test('is not followed to another address', async () => {
    const { app, provider } = await setUp('memory');
    provider.behave(307, 307);
    assertProblem(await requestCode(app, newPhoneNumber()), UNAVAILABLE);
  });
});

const FAILURES: Record<string, Behaviour[]> = {
  'answers 500 twice': [500, 500],
  'refuses with 400': [400],
  'breaks both connections': ['reset', 'reset'],
};

for (const store of STORES) {
  for (const [name, behaviours] of Object.entries(FAILURES)) {
    describe(`when the provider ${name}, ${store} store`, () => {
      test('nothing is left of the attempt', async () => {
        const { app, provider } = await setUp(store, { OTP_LIMIT_PER_NUMBER: '1/3600' });
        const phoneNumber = newPhoneNumber();
        for (let count = 0; count < 3; count++) {
          provider.behave(...behaviours);
          assertProblem(await requestCode(app, phoneNumber), UNAVAILABLE);
          for (const key of [`otp:${phoneNumber}`, `otp:cooldown:${phoneNumber}`]) {
            assert.equal(await app.context.ephemeral.get(key), null, key);
          }
        }
        const lost = messagesOf(provider)[0]?.code ?? '';
        const answer = await submitCode(app, { phone_number: phoneNumber, otp: lost });
        assertProblem(answer, { status: 400, code: 'otp_not_found' });
        await requestCode(app, phoneNumber).expect(200);
        await endCooldown(app, phoneNumber);
        const limited = await requestCode(app, phoneNumber);
        assertProblem(limited, { status: 429, code: 'rate_limited' });
      });

      test('the code before goes on working, for as long as it would have', async () => {
        const { app, provider } = await setUp(store);
        const phoneNumber = newPhoneNumber();
        await requestCode(app, phoneNumber).expect(200);
        const [first] = messagesOf(provider);
        const lifeBefore = await app.context.ephemeral.ttlMs(`otp:${phoneNumber}`);
        await endCooldown(app, phoneNumber);
        provider.behave(...behaviours);
        assertProblem(await requestCode(app, phoneNumber), UNAVAILABLE);
        const life = await app.context.ephemeral.ttlMs(`otp:${phoneNumber}`);
        assert.ok(life !== null && lifeBefore !== null && life <= lifeBefore);
        const otp = first?.code ?? '';
        await submitCode(app, { phone_number: phoneNumber, otp }).expect(200);
      });
    });
  }
}

test('fails for all of twenty requests at once where the provider is down', async () => {
  const { app, provider } = await setUp('redis');
  provider.behave(...Array<Behaviour>(60).fill(500));
  const phoneNumber = newPhoneNumber();
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => requestCode(app, phoneNumber)),
  );
  assert.ok(answers.every(({ status }) => status === 429 || status === 503));
  provider.behave();
  await requestCode(app, phoneNumber).expect(200);
});

test('logs who failed, and neither the number nor the code nor the address of the webhook', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const provider = await startProvider();
  const app = await startApp({ log, env: webhookEnvironment(provider) });
  provider.behave(500, 500);
  const phoneNumber = newPhoneNumber();
  await requestCode(app, phoneNumber).expect(503);
  const { code } = messagesOf(provider)[0] ?? { code: '' };
  const text = lines.join('');
  assert.ok(text.includes(new URL(provider.url).host));
  for (const secret of [code, phoneNumber, '/hook', SECRET])
    assert.equal(text.includes(secret), false);
});

describe('the console sender', () => {
  interface Outbox {
    messages: Record<string, unknown>[];
  }

  test('shows the messages at /dev/outbox, the newest first', async () => {
    const app = await startApp();
    const [one, other] = [newPhoneNumber(), newPhoneNumber()];
    const codes = [await sendCode(app, one), await sendCode(app, other)];
    const answer = await app.request.get('/dev/outbox').expect(200);
    assert.equal(answer.get('cache-control'), 'no-store');
    const { messages } = answer.body as Outbox;
    assert.deepEqual(
      messages.map(({ channel, to, code }) => ({ channel, to, code })),
      [
        { channel: 'sms', to: other, code: codes[1] },
        { channel: 'sms', to: one, code: codes[0] },
      ],
    );
    for (const { body, code, created_at } of messages) {
      assert.ok(String(body).includes(String(code)));
      assert.match(String(created_at), /^\d{4}-.*Z$/);
    }
  });

  test('shows its messages to a peer on this machine alone, whatever a header says', async () => {
    const app = await startApp({ env: { TRUST_PROXY: '1' } });
    await app.request.get('/dev/outbox').set('X-Forwarded-For', '192.0.2.1').expect(200);
    const foreign = app.request.get('/dev/outbox').set('Origin', 'https://evil.example');
    assertProblem(await foreign, { status: 403, code: 'origin_not_allowed' });
  });

  test('keeps the last two hundred messages', async () => {
    const app = await startApp({ store: 'memory' });
    const numbers = Array.from({ length: 205 }, newPhoneNumber);
    for (const phoneNumber of numbers) await requestCode(app, phoneNumber).expect(200);
    const { messages } = (await app.request.get('/dev/outbox')).body as Outbox;
    assert.equal(messages.length, 200);
    assert.equal(messages[0]?.to, numbers.at(-1));
    assert.deepEqual(await failTimes(app, numbers.at(-1) ?? '', 1), [401]);
  });

  test('shows nothing where there is a provider', async () => {
    const { app } = await setUp('memory');
    assertProblem(await app.request.get('/dev/outbox'), { status: 404, code: 'not_found' });
  });
});
