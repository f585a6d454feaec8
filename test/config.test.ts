import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ConfigError } from '../server/config.ts';
import { environmentSchema } from '../server/environment.ts';
import { load, PRODUCTION, refusedFor, SECRETS, signers } from './support/settings.ts';

describe('outside production', () => {
  test('three secrets are enough, and all else has the defaults of the contract', () => {
    const settings = load(SECRETS);
    const { config, secrets } = settings;
    assert.deepEqual(config, {
      ...config,
      environment: 'development',
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://localhost:3000',
      trustedProxyHops: 0,
      allowedOrigins: [],
      logLevel: 'info',
      dataDirectory: '.data',
      extensions: [],
      defaultRegion: undefined,
      phoneAccessSeconds: 900,
      phoneRefreshSeconds: 604_800,
      selfSignupRoles: ['rider', 'driver'],
      allowsPasswordGrant: true,
      smsProvider: 'console',
      totpIssuer: 'Medallion',
      backupCodesCount: 10,
      backupCodeLength: 8,
      drainReadinessSeconds: 0,
      drainWindowSeconds: 0,
    });
    assert.deepEqual(signers(settings), [SECRETS.JWT_SECRET_KEY]);
    assert.deepEqual(secrets.encryptionSecrets, [SECRETS.DATABASE_ENCRYPTION_KEY]);
    assert.equal(secrets.databaseUrl, undefined);
    assert.equal(secrets.redisUrl, undefined);
  });

  test('the password grant of OAuth 2 is on or off, and nothing else', () => {
    for (const [value, expected] of [
      ['on', true],
      ['off', false],
      ['false', false],
    ] as const) {
      const { config } = load({ ...SECRETS, OAUTH_PASSWORD_GRANT: value });
      assert.equal(config.allowsPasswordGrant, expected);
    }
    const variables = { ...SECRETS, OAUTH_PASSWORD_GRANT: 'first-party' };
    assert.deepEqual(refusedFor(variables), ['OAUTH_PASSWORD_GRANT']);
  });

  test('the address follows the port', () => {
    assert.equal(load({ ...SECRETS, PORT: '8080' }).config.publicUrl, 'http://localhost:8080');
  });

  test('the secrets are required, and must differ from each other', () => {
    assert.deepEqual(refusedFor({}), ['DATABASE_ENCRYPTION_KEY', 'HASH_PEPPER', 'JWT_SECRET_KEY']);
    for (const [one, other] of [
      ['HASH_PEPPER', 'JWT_SECRET_KEY'],
      ['DATABASE_ENCRYPTION_KEY', 'HASH_PEPPER'],
      ['DATABASE_ENCRYPTION_KEY', 'JWT_SECRET_KEY'],
    ] as const) {
      const variables = { ...SECRETS, [one]: SECRETS[other] };
      assert.deepEqual(refusedFor(variables), [`${one}, ${other}`]);
    }
    assert.deepEqual(refusedFor({ ...SECRETS, HASH_PEPPER: 'short' }), ['HASH_PEPPER']);
  });

  test('the previous key goes on verifying', () => {
    const old = 'oldKeyoldKeyOldKeyOldKeyOldKey12';
    const settings = load({ ...SECRETS, JWT_SECRET_KEY_PREVIOUS: old });
    assert.deepEqual(signers(settings), [SECRETS.JWT_SECRET_KEY, old]);
  });

  test('the previous key of the database goes on decrypting', () => {
    const old = 'oldKeyoldKeyOldKeyOldKeyOldKey12';
    const { secrets } = load({ ...SECRETS, DATABASE_ENCRYPTION_KEY_PREVIOUS: old });
    assert.deepEqual(secrets.encryptionSecrets, [SECRETS.DATABASE_ENCRYPTION_KEY, old]);
  });
});

describe('production', () => {
  test('takes a whole configuration', () => {
    const { config } = load(PRODUCTION);
    assert.equal(config.environment, 'production');
    assert.equal(config.host, '0.0.0.0');
    assert.deepEqual(config.selfSignupRoles, ['rider']);
  });

  test('gives a stop less time than an orchestrator does, unless it is told to', () => {
    const { config } = load(PRODUCTION);
    assert.deepEqual([config.drainReadinessSeconds, config.drainWindowSeconds], [5, 15]);
    const none = { DRAIN_READINESS_SECONDS: '0', DRAIN_WINDOW_SECONDS: '0.5' };
    const { config: quick } = load({ ...PRODUCTION, ...none });
    assert.deepEqual([quick.drainReadinessSeconds, quick.drainWindowSeconds], [0, 0.5]);
  });

  test('names everything that is missing at once', () => {
    assert.deepEqual(refusedFor({ NODE_ENV: 'production' }), [
      'DATABASE_ENCRYPTION_KEY',
      'DATABASE_URL',
      'HASH_PEPPER',
      'JWT_SECRET_KEY',
      'REDIS_URL',
      'SMS_PROVIDER',
    ]);
    assert.deepEqual(refusedFor({ NODE_ENV: 'production', SMS_PROVIDER: 'twilio', PORT: 'x' }), [
      'DATABASE_ENCRYPTION_KEY',
      'DATABASE_URL',
      'HASH_PEPPER',
      'JWT_SECRET_KEY',
      'PORT',
      'REDIS_URL',
      'TWILIO_ACCOUNT_SID',
      'TWILIO_AUTH_TOKEN',
      'TWILIO_FROM',
    ]);
  });

  test('must know where mailed links lead to', () => {
    const mail = { SMTP_URL: 'smtps://mail.example', MAIL_FROM: 'a@b.example' };
    assert.deepEqual(refusedFor({ ...PRODUCTION, ...mail }), ['PUBLIC_URL']);
    const PUBLIC_URL = 'https://rides.example';
    assert.deepEqual(refusedFor({ ...PRODUCTION, ...mail, PUBLIC_URL }), []);
  });

  test('needs no Redis where there will only ever be one node', () => {
    assert.deepEqual(refusedFor({ ...PRODUCTION, REDIS_URL: undefined }), ['REDIS_URL']);
    assert.deepEqual(refusedFor({ ...PRODUCTION, REDIS_URL: '', SINGLE_NODE: 'false' }), [
      'REDIS_URL',
    ]);
    assert.deepEqual(refusedFor({ ...PRODUCTION, REDIS_URL: '', SINGLE_NODE: 'true' }), []);
  });

  test('takes no secret that a person made up', () => {
    for (const secret of [
      'change-me-change-me-change-me-change-me',
      'this-is-an-example-of-a-long-secret-key',
      'a'.repeat(64),
      'abcabcabcabcabcabcabcabcabcabcabc',
      'MyPassword1MyPassword1MyPassword1',
      'correct-horse-battery-staple-again-now',
      'My dog ate 7 of the taxis in Lyon, 2021!',
    ]) {
      for (const name of [
        'JWT_SECRET_KEY',
        'JWT_SECRET_KEY_PREVIOUS',
        'HASH_PEPPER',
        'DATABASE_ENCRYPTION_KEY',
        'DATABASE_ENCRYPTION_KEY_PREVIOUS',
      ]) {
        assert.deepEqual(refusedFor({ ...PRODUCTION, [name]: secret }), [name]);
      }
      assert.deepEqual(refusedFor({ ...SECRETS, JWT_SECRET_KEY: secret }), []);
    }
  });

  test('takes every secret that a machine made', () => {
    for (const encoding of ['base64', 'base64url', 'hex'] as const) {
      for (let count = 0; count < 20; count++) {
        const secret = createHash('sha256').update(`${count}`).digest(encoding);
        assert.deepEqual(refusedFor({ ...PRODUCTION, JWT_SECRET_KEY: secret }), [], secret);
      }
    }
  });

  test('takes the webhook only with its address and secret', () => {
    const webhook = { ...PRODUCTION, SMS_PROVIDER: 'webhook' };
    assert.deepEqual(refusedFor(webhook), ['SMS_WEBHOOK_SECRET', 'SMS_WEBHOOK_URL']);
    const whole = {
      ...webhook,
      SMS_WEBHOOK_URL: 'https://sms.example.com/send',
      SMS_WEBHOOK_SECRET: 'q8vF3tLz0XnB7yWc5rKd1mGh9pSj2aEu',
    };
    assert.deepEqual(refusedFor(whole), []);
  });
});

describe('a variable', () => {
  test('that is empty is not set', () => {
    const empty = { NODE_ENV: '', PORT: '', REDIS_URL: '', SELF_SIGNUP_ROLES: '', LOG_LEVEL: '' };
    const { config, secrets } = load({ ...SECRETS, ...empty });
    assert.deepEqual(config, load(SECRETS).config);
    assert.equal(secrets.redisUrl, undefined);
    assert.deepEqual(refusedFor({ ...SECRETS, JWT_SECRET_KEY: '' }), ['JWT_SECRET_KEY']);
  });

  test('is read under its older name where it is not set itself', () => {
    const old = { SECRET_KEY: SECRETS.JWT_SECRET_KEY, ALGORITHM: 'HS256', ENVIRONMENT: 'test' };
    const settings = load({ ...SECRETS, JWT_SECRET_KEY: '', ...old });
    assert.equal(settings.config.environment, 'test');
    assert.deepEqual(signers(settings), [SECRETS.JWT_SECRET_KEY]);
    const both = { ...SECRETS, ...old, SECRET_KEY: 'x', NODE_ENV: 'development' };
    assert.equal(load(both).config.environment, 'development');
    const emptied = { ...SECRETS, NODE_ENV: '', ENVIRONMENT: 'test' };
    assert.equal(load(emptied).config.environment, 'test');
    assert.deepEqual(refusedFor({ ...SECRETS, ALGORITHM: 'none' }), ['JWT_ALGORITHM']);
  });

  for (const [name, values] of Object.entries({
    NODE_ENV: ['prod', 'Production'],
    PORT: ['x', '-1', '65536', '1.5'],
    TRUST_PROXY: ['yes', '-1', '11'],
    ALLOWED_ORIGINS: ['*', 'app.example.com', 'https://a.example,ftp://b.example'],
    LOG_LEVEL: ['loud'],
    DATABASE_URL: ['mysql://db', 'db'],
    REDIS_URL: ['http://redis', 'redis'],
    SINGLE_NODE: ['perhaps'],
    JWT_ALGORITHM: ['none', 'hs256', 'RS512', 'eddsa'],
    DEFAULT_REGION: ['us', 'USA', '+1'],
    SELF_SIGNUP_ROLES: ['admin', 'rider,root'],
    OTP_LIMIT_PER_NUMBER: ['5', '0/60', '5/0', '-1/60', '5/60/60', 'a/b'],
    OTP_LIMIT_PER_IP: ['300 per hour'],
    SMS_PROVIDER: ['pigeon'],
    MAX_SOCKETS_PER_USER: ['0', 'many'],
    RATE_LIMIT_SOCKET_MESSAGES: ['0/10', '5', 'many'],
    RATE_LIMIT_HANDSHAKES: ['0/2', '2000'],
    RATE_LIMIT_HANDSHAKES_PER_IP: ['10/0', 'many'],
    LOCATION_TTL_SECONDS: ['4', '301', '7.5', 'half'],
    DRAIN_READINESS_SECONDS: ['-1', '601', 'long'],
    DRAIN_WINDOW_SECONDS: ['-1', '3601', 'long'],
    DATABASE_ENCRYPTION_KEY_PREVIOUS: ['short'],
    TOTP_ISSUER_NAME: ['Rides: fast', 'x'.repeat(65), 'Rides\n'],
    PASSWORD_MIN_LENGTH: ['7', '65'],
    PASSWORD_BARRED_WORDS: ['cab', `taxi,${'x'.repeat(65)}`],
    BACKUP_CODES_COUNT: ['0', '21', 'ten'],
    BACKUP_CODE_LENGTH: ['7', '33', '8.5'],
  })) {
    test(`is refused by its name where it makes no sense: ${name}`, () => {
      for (const value of values) {
        assert.deepEqual(refusedFor({ ...SECRETS, [name]: value }), [name], value);
      }
    });
  }

  test('that is a list is taken apart at commas', () => {
    const { config } = load({
      ...SECRETS,
      ALLOWED_ORIGINS: ' https://a.example , https://b.example:8443/ ,',
      SELF_SIGNUP_ROLES: 'driver',
      OTP_LIMIT_PER_NUMBER: '7/60',
      PASSWORD_BARRED_WORDS: 'Rapid Cab, rides',
    });
    assert.deepEqual(config.allowedOrigins, ['https://a.example', 'https://b.example:8443']);
    assert.deepEqual(config.selfSignupRoles, ['driver']);
    assert.deepEqual(config.passwordPolicy.barredWords, ['Rapid Cab', 'rides']);
    assert.deepEqual(config.otpLimitPerNumber, { points: 7, seconds: 60 });
  });

  test('that we do not know is left alone', () => {
    assert.deepEqual(refusedFor({ ...SECRETS, PATH: '/bin', HOME: '/root' }), []);
  });
});

test('every problem is told, and none of them quotes a secret', () => {
  const variables = {
    JWT_SECRET_KEY: 'hush-1',
    HASH_PEPPER: 'hush-2',
    REDIS_URL: 'hush-3',
    DATABASE_ENCRYPTION_KEY: 'hush-4',
  };
  assert.throws(
    () => load(variables),
    (error) =>
      error instanceof ConfigError &&
      error.problems.length === 4 &&
      !error.message.includes('hush'),
  );
});

test('nothing can be changed once it is read, and the secrets are apart', () => {
  const { config, secrets } = load(PRODUCTION);
  assert.ok(Object.isFrozen(config) && Object.isFrozen(secrets));
  const shown = JSON.stringify(config);
  for (const secret of [...Object.values(SECRETS), 'user:pw', 'token']) {
    assert.equal(shown.includes(secret), false);
  }
});

test('.env.example and the page on configuration tell of every variable, with its default', () => {
  const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
  const names = Object.keys(environmentSchema.shape);
  const told = new Map(
    Array.from(read('.env.example').matchAll(/^([A-Z][A-Z0-9_]+)=(.*)$/gm), ([, name, value]) => [
      name,
      value,
    ]),
  );
  assert.deepEqual([...told.keys()].sort(), names.sort());
  const rows = new Map(
    Array.from(
      read('docs/configuration.md').matchAll(/^\| `([A-Z][A-Z0-9_]+)` +\| (?:`([^`]+)`|–) +\|/gm),
      ([, name, value = '']) => [name, value],
    ),
  );
  assert.deepEqual(Object.fromEntries(rows), Object.fromEntries(told));
});
