import { readKeyFiles, type KeyFiles, type ReadFile } from './key-files.ts';
import type { TokenSecret } from './crypto/signing-key.ts';
import {
  ALIASES,
  APP_ROLES,
  environmentSchema,
  isProduction,
  RULES,
  type Environment,
} from './environment.ts';

export {
  APP_ROLES,
  isStaffRole,
  ROLES,
  STAFF_ROLES,
  type AppRole,
  type Role,
} from './environment.ts';

/** The configuration is wrong: every problem of it, a sentence each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: string[];

  constructor(problems: string[]) {
    super(`The configuration is not valid:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * Reads the environment variables of the contract, an empty one counting as not set, and the files that they name.
 * @throws ConfigError naming every problem at once.
 */
export function loadSettings(
  variables: Record<string, string | undefined>,
  readFile: ReadFile,
): Settings {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  for (const [name, alias] of Object.entries(ALIASES)) given[name] ??= given[alias];
  const { env, faults } = parseVariables(given);
  const keyFiles = readKeyFiles(env, readFile);
  for (const [name, sentence] of keyFiles.faults) faults.set(name, sentence);
  const broken = RULES.filter(
    (rule) => !rule.names.some((name) => faults.has(name)) && rule.isBroken(env),
  );
  const problems = [
    ...Array.from(faults, ([name, sentence]) => `${name}: ${sentence}`),
    ...broken.map((rule) => `${rule.names.join(', ')}: ${rule.sentence}`),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return toSettings(env, keyFiles);
}

/** Each variable by itself, so that one fault hides no other; `env` is whole when `faults` is empty. */
function parseVariables(given: Record<string, string | undefined>) {
  const values: Record<string, unknown> = {};
  const faults = new Map<string, string>();
  for (const [name, schema] of Object.entries(environmentSchema.shape)) {
    const parsed = schema.safeParse(given[name]);
    values[name] = parsed.data;
    const sentence = given[name] === undefined ? 'is required' : parsed.error?.issues[0]?.message;
    if (!parsed.success) faults.set(name, sentence ?? 'is not valid');
  }
  return { env: values as Environment, faults };
}

export type Config = ReturnType<typeof toConfig>;
export type Secrets = ReturnType<typeof toSecrets> & {
  /** What signs tokens, then what only verifies them. */
  tokenSecrets: [TokenSecret, ...TokenSecret[]];
};

/** What the app is started with: what may be shown, and what may not. */
export interface Settings {
  config: Config;
  secrets: Secrets;
}

function toSettings(env: Environment, keyFiles: KeyFiles): Settings {
  const secrets = { ...toSecrets(env), tokenSecrets: toTokenSecrets(env, keyFiles) };
  return { config: Object.freeze(toConfig(env)), secrets: Object.freeze(secrets) };
}

function toConfig(env: Environment) {
  const publicUrl = env.PUBLIC_URL ?? `http://localhost:${env.PORT}`;
  return {
    environment: env.NODE_ENV,
    host: env.HOST ?? (isProduction(env) ? '0.0.0.0' : '127.0.0.1'),
    port: env.PORT,
    publicUrl,
    trustedProxyHops: env.TRUST_PROXY,
    allowedOrigins: env.ALLOWED_ORIGINS.map((text) => new URL(text).origin),
    logLevel: env.LOG_LEVEL,
    dataDirectory: env.DATA_DIR,
    extensions: env.EXTENSIONS,
    databasePoolSize: env.DATABASE_POOL_SIZE,
    redisKeyPrefix: env.REDIS_KEY_PREFIX,
    defaultRegion: env.DEFAULT_REGION,
    phoneAccessSeconds: 15 * 60,
    phoneRefreshSeconds: 7 * 24 * 60 * 60,
    selfSignupRoles:
      env.SELF_SIGNUP_ROLES ?? (isProduction(env) ? (['rider'] as const) : APP_ROLES),
    otpLimitPerNumber: env.OTP_LIMIT_PER_NUMBER,
    accountAccessSeconds: env.ACCESS_TOKEN_EXPIRE_MINUTES * 60,
    accountRefreshSeconds: env.REFRESH_TOKEN_EXPIRE_DAYS * 24 * 60 * 60,
    accountSessionSeconds: 30 * 24 * 60 * 60,
    refreshReuseLeewaySeconds: env.REFRESH_REUSE_LEEWAY_SECONDS,
    allowsPasswordGrant: env.OAUTH_PASSWORD_GRANT,
    maxLoginAttempts: env.MAX_LOGIN_ATTEMPTS,
    lockoutSeconds: env.LOCKOUT_DURATION_MINUTES * 60,
    ...toRecovery(env, publicUrl),
    passwordHashConcurrency: env.PASSWORD_HASH_CONCURRENCY,
    totpIssuer: env.TOTP_ISSUER_NAME,
    backupCodesCount: env.BACKUP_CODES_COUNT,
    backupCodeLength: env.BACKUP_CODE_LENGTH,
    ...toLimits(env),
    requiresStaffTwoFactor: env.REQUIRE_STAFF_2FA ?? isProduction(env),
    auditRetentionMonths: env.AUDIT_RETENTION_MONTHS,
    mailFrom: env.MAIL_FROM ?? 'Medallion <no-reply@localhost>',
    smsProvider: env.SMS_PROVIDER,
    twilioBaseUrl: env.TWILIO_BASE_URL,
    revocationLeaseSeconds: env.REVOCATION_LEASE_SECONDS,
    revocationGraceSeconds: env.REVOCATION_GRACE_SECONDS,
    ...toSockets(env),
  };
}

function toSockets(env: Environment) {
  return {
    maxSocketsPerNode: env.MAX_SOCKETS_PER_NODE,
    maxSocketsPerUser: env.MAX_SOCKETS_PER_USER,
    socketMessages: env.RATE_LIMIT_SOCKET_MESSAGES,
    handshakeLimits: {
      perNode: env.RATE_LIMIT_HANDSHAKES,
      perAddress: env.RATE_LIMIT_HANDSHAKES_PER_IP,
    },
    locationTtlSeconds: env.LOCATION_TTL_SECONDS,
    drainReadinessSeconds: env.DRAIN_READINESS_SECONDS ?? (isProduction(env) ? 5 : 0),
    drainWindowSeconds: env.DRAIN_WINDOW_SECONDS ?? (isProduction(env) ? 15 : 0),
  };
}

/** The links that are mailed: where they lead, and how long they work. */
function toRecovery(env: Environment, publicUrl: string) {
  const pages = publicUrl.replace(/\/+$/, '');
  return {
    resetTokenSeconds: env.RESET_TOKEN_EXPIRE_HOURS * 60 * 60,
    resetPasswordUrl: env.RESET_PASSWORD_URL ?? `${pages}/reset-password.html`,
    verificationSeconds: 24 * 60 * 60,
    verifyEmailUrl: env.VERIFY_EMAIL_URL ?? `${pages}/verify-email.html`,
    mailLimitPerAddress: env.MAIL_LIMIT_PER_ADDRESS,
  };
}

function toLimits(env: Environment) {
  return {
    passwordPolicy: {
      minLength: env.PASSWORD_MIN_LENGTH,
      requiresUppercase: env.PASSWORD_REQUIRE_UPPERCASE,
      requiresDigit: env.PASSWORD_REQUIRE_DIGIT,
      requiresSpecial: env.PASSWORD_REQUIRE_SPECIAL,
      barredWords: env.PASSWORD_BARRED_WORDS,
    },
    maxSessions: {
      rider: env.MAX_SESSIONS_RIDER,
      driver: env.MAX_SESSIONS_DRIVER,
      viewer: env.MAX_SESSIONS_VIEWER,
      editor: env.MAX_SESSIONS_EDITOR,
      admin: env.MAX_SESSIONS_ADMIN,
    },
    sessionLimitPolicy: env.SESSION_LIMIT_POLICY,
    rateLimits: {
      login: env.RATE_LIMIT_LOGIN,
      register: env.RATE_LIMIT_REGISTER,
      refresh: env.RATE_LIMIT_REFRESH,
      otp: env.OTP_LIMIT_PER_IP,
      api: env.RATE_LIMIT_API,
      apiSession: env.RATE_LIMIT_API_SESSION,
      apiClient: env.RATE_LIMIT_API_CLIENT,
    },
    rateLimitBreaches: env.RATE_LIMIT_BREACHES,
    rateLimitBlockSeconds: env.RATE_LIMIT_BLOCK_SECONDS,
  };
}

/** Database and Redis addresses carry passwords, and a webhook's address often a token. */
function toSecrets(env: Environment) {
  return {
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    hashPepper: env.HASH_PEPPER,
    encryptionSecrets: withPrevious(
      env.DATABASE_ENCRYPTION_KEY,
      env.DATABASE_ENCRYPTION_KEY_PREVIOUS,
    ),
    apiClients: env.API_CLIENTS,
    bootstrapAdmin: toBootstrapAdmin(env),
    twilio: {
      accountSid: env.TWILIO_ACCOUNT_SID ?? '',
      authToken: env.TWILIO_AUTH_TOKEN ?? '',
      from: env.TWILIO_FROM ?? '',
    },
    smtpUrl: env.SMTP_URL,
    smsWebhook: { url: env.SMS_WEBHOOK_URL ?? '', secret: env.SMS_WEBHOOK_SECRET ?? '' },
  };
}

function toBootstrapAdmin(env: Environment) {
  const { BOOTSTRAP_ADMIN_EMAIL: email, BOOTSTRAP_ADMIN_PASSWORD: password } = env;
  if (email === undefined || password === undefined) return null;
  return { email, password, phoneNumber: env.BOOTSTRAP_ADMIN_PHONE ?? null };
}

function withPrevious(current: string, previous: string | undefined): [string, ...string[]] {
  return previous === undefined ? [current] : [current, previous];
}

/** While the algorithm is being changed, what only verifies is of another than what signs. */
function toTokenSecrets(env: Environment, keyFiles: KeyFiles): Secrets['tokenSecrets'] {
  const current = keyFiles.current ?? fromSecret(env.JWT_SECRET_KEY ?? '');
  const previous = env.JWT_SECRET_KEY_PREVIOUS;
  return [
    current,
    ...(previous === undefined ? [] : [fromSecret(previous)]),
    ...(keyFiles.previous === undefined ? [] : [keyFiles.previous]),
  ];
}

function fromSecret(secret: string): TokenSecret {
  return { algorithm: 'HS256', secret };
}
