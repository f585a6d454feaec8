import { z } from 'zod';

/** Roles that the apps act in, then those of staff, from the least to the most powerful. */
export const APP_ROLES = ['rider', 'driver'] as const;
export const STAFF_ROLES = ['viewer', 'editor', 'admin'] as const;
export const ROLES = [...APP_ROLES, ...STAFF_ROLES] as const;
export type AppRole = (typeof APP_ROLES)[number];
export type Role = (typeof ROLES)[number];

const list = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .transform((items) => items.filter((item) => item !== ''));

const origin = z.url({
  protocol: /^https?$/,
  error: 'must be an origin such as https://app.example.com',
});

const limit = z
  .string()
  .regex(/^[1-9]\d{0,6}\/[1-9]\d{0,6}$/, 'must be <points>/<seconds>, such as 5/3600')
  .transform((text) => text.split('/').map(Number) as [number, number])
  .transform(([points, seconds]) => ({ points, seconds }));

const secret = z
  .string()
  .min(32, 'must have at least 32 characters; openssl rand -base64 32 makes one');
const count = z.coerce.number().int().min(1);

/** One entry per environment variable; `.env.example` says what each is for. */
const environmentSchema = z.object({
  NODE_ENV: z.enum(['development', 'test', 'production']).default('development'),
  HOST: z.string().optional(),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000),
  PUBLIC_URL: origin.optional(),
  TRUST_PROXY: z.coerce.number().int().min(0).max(10).default(0),
  ALLOWED_ORIGINS: list.pipe(z.array(origin)).default([]),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  DATA_DIR: z.string().default('.data'),
  EXTENSIONS: list.default([]),

  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must be a postgresql:// address' })
    .optional(),
  DATABASE_POOL_SIZE: count.max(500).default(10),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: 'must be a redis:// or rediss:// address' })
    .optional(),
  REDIS_KEY_PREFIX: z.string().max(64).default(''),
  SINGLE_NODE: z.stringbool().default(false),

  JWT_SECRET_KEY: secret,
  JWT_SECRET_KEY_PREVIOUS: secret.optional(),
  JWT_ALGORITHM: z.literal('HS256', 'must be HS256').default('HS256'),
  HASH_PEPPER: secret,

  DEFAULT_REGION: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be two capital letters, such as IN')
    .optional(),
  SELF_SIGNUP_ROLES: list.pipe(z.array(z.enum(APP_ROLES))).optional(),
  OTP_LIMIT_PER_NUMBER: limit.prefault('5/3600'),
  OTP_LIMIT_PER_IP: limit.prefault('300/3600'),

  SMS_PROVIDER: z.enum(['console', 'twilio', 'webhook']).default('console'),
  TWILIO_ACCOUNT_SID: z.string().min(1).optional(),
  TWILIO_AUTH_TOKEN: z.string().min(1).optional(),
  TWILIO_FROM: z.string().min(1).optional(),
  TWILIO_BASE_URL: z.url().default('https://api.twilio.com'),
  SMS_WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
  SMS_WEBHOOK_SECRET: secret.optional(),

  MAX_SOCKETS_PER_NODE: count.default(50_000),
  MAX_SOCKETS_PER_USER: count.default(20),
});

type Environment = z.infer<typeof environmentSchema>;

/** Older names of variables, read when the name itself is not set. */
const ALIASES = {
  NODE_ENV: 'ENVIRONMENT',
  JWT_SECRET_KEY: 'SECRET_KEY',
  JWT_ALGORITHM: 'ALGORITHM',
} as const;

interface Rule {
  names: (keyof Environment)[];
  isBroken: (env: Environment) => boolean;
  sentence: string;
}

const isProduction = (env: Environment): boolean => env.NODE_ENV === 'production';

/** What must hold between variables. */
const RULES: Rule[] = [
  {
    names: ['DATABASE_URL'],
    isBroken: (env) => isProduction(env) && env.DATABASE_URL === undefined,
    sentence: 'is required in production',
  },
  {
    names: ['REDIS_URL'],
    isBroken: (env) => isProduction(env) && env.REDIS_URL === undefined && !env.SINGLE_NODE,
    sentence: 'is required in production, or SINGLE_NODE=true if there will only ever be one node',
  },
  {
    names: ['SMS_PROVIDER'],
    isBroken: (env) => isProduction(env) && env.SMS_PROVIDER === 'console',
    sentence: 'must be twilio or webhook in production: console only prints the codes',
  },
  ...(['JWT_SECRET_KEY', 'JWT_SECRET_KEY_PREVIOUS', 'HASH_PEPPER'] as const).map((name) => ({
    names: [name],
    isBroken: (env: Environment) => isProduction(env) && looksMadeUp(env[name]),
    sentence: 'must be random in production: openssl rand -base64 32 makes one',
  })),
  {
    names: ['HASH_PEPPER', 'JWT_SECRET_KEY'],
    isBroken: (env) => env.JWT_SECRET_KEY === env.HASH_PEPPER,
    sentence: 'must differ from each other',
  },
  ...(['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN', 'TWILIO_FROM'] as const).map((name) => ({
    names: [name],
    isBroken: (env: Environment) => env.SMS_PROVIDER === 'twilio' && env[name] === undefined,
    sentence: 'is required with SMS_PROVIDER=twilio',
  })),
  ...(['SMS_WEBHOOK_URL', 'SMS_WEBHOOK_SECRET'] as const).map((name) => ({
    names: [name],
    isBroken: (env: Environment) => env.SMS_PROVIDER === 'webhook' && env[name] === undefined,
    sentence: 'is required with SMS_PROVIDER=webhook',
  })),
];

/** A human-made key is guessed offline from a single token (RFC 8725 §3.5). */
function looksMadeUp(text = ''): boolean {
  return new Set(text).size < 10 ? text !== '' : /change|example|secret|passw|default/i.test(text);
}

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
 * Reads the environment variables of the contract, an empty one counting as not set.
 * @throws ConfigError naming every problem at once.
 */
export function loadSettings(variables: Record<string, string | undefined>): Settings {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  for (const [name, alias] of Object.entries(ALIASES)) given[name] ??= given[alias];
  const { env, faults } = parseVariables(given);
  const broken = RULES.filter(
    (rule) => !rule.names.some((name) => faults.has(name)) && rule.isBroken(env),
  );
  const problems = [
    ...Array.from(faults, ([name, sentence]) => `${name}: ${sentence}`),
    ...broken.map((rule) => `${rule.names.join(', ')}: ${rule.sentence}`),
  ];
  if (problems.length > 0) throw new ConfigError(problems);
  return toSettings(env);
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
export type Secrets = ReturnType<typeof toSecrets>;

/** What the app is started with: what may be shown, and what may not. */
export interface Settings {
  config: Config;
  secrets: Secrets;
}

function toSettings(env: Environment): Settings {
  return { config: Object.freeze(toConfig(env)), secrets: Object.freeze(toSecrets(env)) };
}

function toConfig(env: Environment) {
  return {
    environment: env.NODE_ENV,
    host: env.HOST ?? (isProduction(env) ? '0.0.0.0' : '127.0.0.1'),
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? `http://localhost:${env.PORT}`,
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
    otpLimitPerIp: env.OTP_LIMIT_PER_IP,
    smsProvider: env.SMS_PROVIDER,
    twilioBaseUrl: env.TWILIO_BASE_URL,
    maxSocketsPerNode: env.MAX_SOCKETS_PER_NODE,
    maxSocketsPerUser: env.MAX_SOCKETS_PER_USER,
  };
}

/** Database and Redis addresses carry passwords, and a webhook's address often a token. */
function toSecrets(env: Environment) {
  return {
    databaseUrl: env.DATABASE_URL,
    redisUrl: env.REDIS_URL,
    jwtSecretKeys: withPrevious(env.JWT_SECRET_KEY, env.JWT_SECRET_KEY_PREVIOUS),
    hashPepper: env.HASH_PEPPER,
    twilio: {
      accountSid: env.TWILIO_ACCOUNT_SID ?? '',
      authToken: env.TWILIO_AUTH_TOKEN ?? '',
      from: env.TWILIO_FROM ?? '',
    },
    smsWebhook: { url: env.SMS_WEBHOOK_URL ?? '', secret: env.SMS_WEBHOOK_SECRET ?? '' },
  };
}

function withPrevious(current: string, previous: string | undefined): [string, ...string[]] {
  return previous === undefined ? [current] : [current, previous];
}
