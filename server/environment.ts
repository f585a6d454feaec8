import { z } from 'zod';
import { apiClientsSchema } from './api-clients.ts';
import { KEY_OF_ALGORITHM, type AsymmetricAlgorithm } from './crypto/private-key.ts';

/** Roles that the apps act in, then those of staff, from the least to the most powerful. */
export const APP_ROLES = ['rider', 'driver'] as const;
export const STAFF_ROLES = ['viewer', 'editor', 'admin'] as const;
export const ROLES = [...APP_ROLES, ...STAFF_ROLES] as const;
export type AppRole = (typeof APP_ROLES)[number];
export type Role = (typeof ROLES)[number];

export function isStaffRole(role: Role): boolean {
  return STAFF_ROLES.some((staffRole) => staffRole === role);
}

const ASYMMETRIC = Object.keys(KEY_OF_ALGORITHM) as AsymmetricAlgorithm[];
const ALGORITHMS = ['HS256', ...ASYMMETRIC] as const;

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

/** Of a web page or of an app. */
const link = z
  .url('must be an address')
  .refine((text) => !text.includes('#'), 'must have no #: the token is put behind one');

/** Shorter words are in too many good passwords. */
const barredWord = z
  .string()
  .min(4, 'must be words of 4 to 64 characters')
  .max(64, 'must be words of 4 to 64 characters');

const secret = z
  .string()
  .min(32, 'must have at least 32 characters; openssl rand -base64 32 makes one');
const count = z.coerce.number().int().min(1);
const MAX_SESSIONS = z.coerce.number().int().min(1).max(10_000).optional();

/** One entry per environment variable; `.env.example` says what each is for. */
export const environmentSchema = z.object({
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

  JWT_ALGORITHM: z.enum(ALGORITHMS, `must be ${ALGORITHMS.join(', ')}`).default('HS256'),
  JWT_SECRET_KEY: secret.optional(),
  JWT_SECRET_KEY_PREVIOUS: secret.optional(),
  JWT_PRIVATE_KEY_FILE: z.string().optional(),
  JWT_PRIVATE_KEY_FILE_PREVIOUS: z.string().optional(),
  HASH_PEPPER: secret,
  DATABASE_ENCRYPTION_KEY: secret,
  DATABASE_ENCRYPTION_KEY_PREVIOUS: secret.optional(),

  DEFAULT_REGION: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be two capital letters, such as IN')
    .optional(),
  SELF_SIGNUP_ROLES: list.pipe(z.array(z.enum(APP_ROLES))).optional(),
  OTP_LIMIT_PER_NUMBER: limit.prefault('5/3600'),
  OTP_LIMIT_PER_IP: limit.prefault('300/3600'),

  ACCESS_TOKEN_EXPIRE_MINUTES: count.max(60).default(15),
  REFRESH_TOKEN_EXPIRE_DAYS: count.max(30).default(7),
  OAUTH_PASSWORD_GRANT: z.stringbool('must be on or off').default(true),
  REFRESH_REUSE_LEEWAY_SECONDS: z.coerce.number().int().min(0).max(600).default(60),
  MAX_LOGIN_ATTEMPTS: count.max(100).default(5),
  LOCKOUT_DURATION_MINUTES: count.max(24 * 60).default(30),
  RESET_TOKEN_EXPIRE_HOURS: count.max(24).default(1),
  RESET_PASSWORD_URL: link.optional(),
  VERIFY_EMAIL_URL: link.optional(),
  PASSWORD_MIN_LENGTH: z.coerce.number().int().min(8).max(64).default(12),
  PASSWORD_REQUIRE_UPPERCASE: z.stringbool().default(true),
  PASSWORD_REQUIRE_DIGIT: z.stringbool().default(true),
  PASSWORD_REQUIRE_SPECIAL: z.stringbool().default(true),
  PASSWORD_BARRED_WORDS: list.pipe(z.array(barredWord)).default([]),
  PASSWORD_HASH_CONCURRENCY: count.max(64).optional(),

  TOTP_ISSUER_NAME: z
    .string()
    .regex(/^[^:\p{Cc}]{1,64}$/u, 'must have 1 to 64 characters, no colon among them')
    .default('Medallion'),
  BACKUP_CODES_COUNT: count.max(20).default(10),
  BACKUP_CODE_LENGTH: z.coerce.number().int().min(8).max(32).default(8),

  MAX_SESSIONS_RIDER: MAX_SESSIONS,
  MAX_SESSIONS_DRIVER: MAX_SESSIONS,
  MAX_SESSIONS_VIEWER: MAX_SESSIONS,
  MAX_SESSIONS_EDITOR: MAX_SESSIONS,
  MAX_SESSIONS_ADMIN: MAX_SESSIONS,
  SESSION_LIMIT_POLICY: z.enum(['evict_oldest', 'refuse']).default('evict_oldest'),

  RATE_LIMIT_LOGIN: limit.prefault('120/60'),
  RATE_LIMIT_REGISTER: limit.prefault('30/60'),
  RATE_LIMIT_REFRESH: limit.prefault('600/60'),
  RATE_LIMIT_API: limit.prefault('60/60'),
  RATE_LIMIT_API_SESSION: limit.prefault('240/60'),
  RATE_LIMIT_API_CLIENT: limit.prefault('1200/60'),
  RATE_LIMIT_BREACHES: limit.prefault('5/3600'),
  RATE_LIMIT_BLOCK_SECONDS: count.max(24 * 60 * 60).default(15 * 60),

  API_CLIENTS: apiClientsSchema.default([]),
  BOOTSTRAP_ADMIN_EMAIL: z.email('must be an e-mail address').max(254).optional(),
  BOOTSTRAP_ADMIN_PASSWORD: z.string().min(1).max(1024).optional(),
  BOOTSTRAP_ADMIN_PHONE: z
    .string()
    .regex(/^\+[1-9]\d{4,14}$/, 'must be a number such as +14155550100')
    .optional(),
  REQUIRE_STAFF_2FA: z.stringbool().optional(),

  AUDIT_RETENTION_MONTHS: count.max(1200).optional(),

  SMTP_URL: z
    .url({ protocol: /^smtps?$/, error: 'must be an smtp:// or smtps:// address' })
    .optional(),
  MAIL_FROM: z.string().min(3).max(320).optional(),
  MAIL_LIMIT_PER_ADDRESS: limit.prefault('3/3600'),

  SMS_PROVIDER: z.enum(['console', 'twilio', 'webhook']).default('console'),
  TWILIO_ACCOUNT_SID: z.string().min(1).optional(),
  TWILIO_AUTH_TOKEN: z.string().min(1).optional(),
  TWILIO_FROM: z.string().min(1).optional(),
  TWILIO_BASE_URL: z.url().default('https://api.twilio.com'),
  SMS_WEBHOOK_URL: z.url({ protocol: /^https?$/ }).optional(),
  SMS_WEBHOOK_SECRET: secret.optional(),

  REVOCATION_LEASE_SECONDS: z.coerce.number().min(2).max(60).default(5),
  REVOCATION_GRACE_SECONDS: z.coerce.number().int().min(0).max(86_400).default(300),

  MAX_SOCKETS_PER_NODE: count.default(50_000),
  MAX_SOCKETS_PER_USER: count.default(20),
  RATE_LIMIT_SOCKET_MESSAGES: limit.prefault('100/10'),
  RATE_LIMIT_HANDSHAKES: limit.prefault('2000/2'),
  RATE_LIMIT_HANDSHAKES_PER_IP: limit.prefault('1000/10'),

  LOCATION_TTL_SECONDS: z.coerce.number().int().min(5).max(300).default(30),

  DRAIN_READINESS_SECONDS: z.coerce.number().min(0).max(600).optional(),
  DRAIN_WINDOW_SECONDS: z.coerce.number().min(0).max(3600).optional(),
});

export type Environment = z.infer<typeof environmentSchema>;

/** Older names of variables, read when the name itself is not set. */
export const ALIASES = {
  NODE_ENV: 'ENVIRONMENT',
  JWT_SECRET_KEY: 'SECRET_KEY',
  JWT_ALGORITHM: 'ALGORITHM',
} as const;

interface Rule {
  names: (keyof Environment)[];
  isBroken: (env: Environment) => boolean;
  sentence: string;
}

const isAsymmetric = (env: Environment): boolean =>
  ASYMMETRIC.some((algorithm) => algorithm === env.JWT_ALGORITHM);

export const isProduction = (env: Environment): boolean => env.NODE_ENV === 'production';

const SECRETS = [
  'JWT_SECRET_KEY',
  'JWT_SECRET_KEY_PREVIOUS',
  'HASH_PEPPER',
  'DATABASE_ENCRYPTION_KEY',
  'DATABASE_ENCRYPTION_KEY_PREVIOUS',
] as const;

/** One that is known gives no other away. */
const DIFFERENT = [
  ['HASH_PEPPER', 'JWT_SECRET_KEY'],
  ['DATABASE_ENCRYPTION_KEY', 'JWT_SECRET_KEY'],
  ['DATABASE_ENCRYPTION_KEY', 'HASH_PEPPER'],
] as const;

/** What must hold between variables. */
export const RULES: Rule[] = [
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
    names: ['JWT_SECRET_KEY'],
    isBroken: (env) => env.JWT_ALGORITHM === 'HS256' && env.JWT_SECRET_KEY === undefined,
    sentence: 'is required',
  },
  {
    names: ['JWT_PRIVATE_KEY_FILE'],
    isBroken: (env) => isAsymmetric(env) && env.JWT_PRIVATE_KEY_FILE === undefined,
    sentence: `is required with JWT_ALGORITHM ${ASYMMETRIC.join(', ')}`,
  },
  {
    names: ['JWT_PRIVATE_KEY_FILE'],
    isBroken: (env) => env.JWT_ALGORITHM === 'HS256' && env.JWT_PRIVATE_KEY_FILE !== undefined,
    sentence: 'is not used with JWT_ALGORITHM=HS256; to make it known first, add _PREVIOUS',
  },
  {
    names: ['BOOTSTRAP_ADMIN_EMAIL', 'BOOTSTRAP_ADMIN_PASSWORD'],
    isBroken: (env) =>
      (env.BOOTSTRAP_ADMIN_EMAIL === undefined) !== (env.BOOTSTRAP_ADMIN_PASSWORD === undefined),
    sentence: 'go together',
  },
  {
    names: ['BOOTSTRAP_ADMIN_EMAIL', 'BOOTSTRAP_ADMIN_PHONE'],
    isBroken: (env) =>
      env.BOOTSTRAP_ADMIN_PHONE !== undefined && env.BOOTSTRAP_ADMIN_EMAIL === undefined,
    sentence: 'the number goes with an address',
  },
  {
    names: ['MAIL_FROM'],
    isBroken: (env) => env.SMTP_URL !== undefined && env.MAIL_FROM === undefined,
    sentence: 'is required with SMTP_URL',
  },
  {
    names: ['PUBLIC_URL'],
    isBroken: (env) =>
      isProduction(env) && env.SMTP_URL !== undefined && env.PUBLIC_URL === undefined,
    sentence: 'is required in production with SMTP_URL: links that are mailed lead there',
  },
  {
    names: ['SMS_PROVIDER'],
    isBroken: (env) => isProduction(env) && env.SMS_PROVIDER === 'console',
    sentence: 'must be twilio or webhook in production: console only prints the codes',
  },
  ...SECRETS.map((name) => ({
    names: [name],
    isBroken: (env: Environment) => isProduction(env) && looksMadeUp(env[name]),
    sentence: 'must be random in production: openssl rand -base64 32 makes one',
  })),
  ...DIFFERENT.map(([one, other]) => ({
    names: [one, other],
    isBroken: (env: Environment) => env[one] === env[other],
    sentence: 'must differ from each other',
  })),
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
  if (text === '') return false;
  const telltale = /\s|change|example|secret|passw|default/i;
  return new Set(text).size < 10 || telltale.test(text) || isMostlyWords(text);
}

/** Of a million random keys in base64 (openssl rand -base64 32) five look like it, in hex none. */
function isMostlyWords(text: string): boolean {
  const words = text.match(/[A-Z]?[a-z]{4,}|[A-Z]{5,}/g) ?? [];
  return words.join('').length > 0.7 * text.length;
}
