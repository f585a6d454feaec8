import { randomInt } from 'node:crypto';
import { systemClock } from './clock.ts';
import { type Settings } from './config.ts';
import type { AppContext, TokenKeys } from './context.ts';
import { createEncryptionKeys } from './crypto/encryption.ts';
import { deriveKey } from './crypto/keyed-hash.ts';
import { generateOpaqueToken } from './crypto/opaque-token.ts';
import { defaultHashConcurrency, PasswordHasher, type Argon2Cost } from './crypto/password-hash.ts';
import type { EphemeralStore } from './ephemeral/ephemeral-store.ts';
import { KnownCookies } from './ephemeral/known-cookies.ts';
import { EventFeed } from './ephemeral/event-feed.ts';
import { MemoryStore } from './ephemeral/memory.ts';
import { RedisStore } from './ephemeral/redis.ts';
import { SocketPlaces } from './ephemeral/socket-places.ts';
import { createLog } from './log.ts';
import { createConsoleSms } from './messaging/console-sms.ts';
import { createConsoleMail } from './messaging/console-mail.ts';
import { MailQueue } from './messaging/mail-queue.ts';
import type { MailSender } from './messaging/mail-sender.ts';
import { Outbox } from './messaging/outbox.ts';
import { createSmtpMail } from './messaging/smtp-mail.ts';
import type { SmsSender } from './messaging/sms-sender.ts';
import { createTwilioSms } from './messaging/twilio-sms.ts';
import { createWebhookSms } from './messaging/webhook-sms.ts';
import { createMetrics } from './metrics.ts';
import { RolePermissions } from './permissions.ts';
import { createLimiters } from './rate-limits.ts';
import { Blacklist } from './revocation/blacklist.ts';
import { Acknowledgements } from './revocation/acknowledgements.ts';
import { Lease } from './revocation/lease.ts';
import { Proof } from './revocation/proof.ts';
import { openProofSource } from './revocation/proof-source.ts';
import { RevocationFeed } from './revocation/revocation-feed.ts';
import { openDatabase } from './store/database.ts';
import { LatestWins } from './use-cases/latest-wins.ts';

/** What a test, or a team that embeds Medallion, puts in the place of our own. */
export interface PartOverrides extends Partial<Pick<AppContext, 'clock' | 'log'>> {
  passwordCost?: Argon2Cost;
}

/** What an app is made of, but for the keys of tokens, which are exchanged while it runs. */
export function createParts(
  { config, secrets }: Settings,
  given: PartOverrides,
  { isLeaving, isDraining }: Pick<AppContext, 'isLeaving' | 'isDraining'>,
): Omit<AppContext, keyof TokenKeys> {
  const clock = given.clock ?? systemClock;
  const log = given.log ?? createLog(config);
  const db = openDatabase(secrets.databaseUrl ?? '', config.databasePoolSize);
  const ephemeral = createEphemeralStore({ config, secrets }, { log, clock });
  const passwords = createPasswordHasher({ config, secrets }, given);
  const lease = new Lease(clock, config.revocationLeaseSeconds * 1000);
  const metrics = createMetrics(passwords, lease);
  const shared = { config, db, ephemeral, clock, log, metrics, lease };
  const outbox = config.smsProvider === 'console' ? new Outbox() : null;
  return {
    config,
    clock,
    log,
    db,
    ephemeral,
    outbox,
    isLeaving,
    isDraining,
    metrics,
    codeHashKey: deriveKey(secrets.hashPepper, 'one-time-code'),
    emailHashKey: deriveKey(secrets.hashPepper, 'email'),
    encryptionKeys: createEncryptionKeys(secrets.encryptionSecrets),
    oneTimeTokenKey: deriveKey(secrets.hashPepper, 'one-time-token'),
    driverIdKey: deriveKey(secrets.hashPepper, 'driver-id'),
    passwords,
    generateCode: () => String(randomInt(1_000_000)).padStart(6, '0'),
    sms: createSms({ config, secrets }, { log, clock, outbox }),
    mails: createMailQueue({ config, secrets }, { log, clock, outbox, metrics }),
    lease,
    ...createRevocationParts({ ...shared, isDraining }, secrets.databaseUrl ?? ''),
    events: new EventFeed({ ephemeral, log }),
    locationWrites: createLocationWrites({ clock, log }),
    limiters: createLimiters(config, ephemeral),
    permissions: new RolePermissions(),
    apiClients: new Map(secrets.apiClients.map((client) => [client.name, client])),
    knownCookies: new KnownCookies(),
  };
}

type RevocationContext = Pick<
  AppContext,
  'config' | 'db' | 'ephemeral' | 'clock' | 'log' | 'metrics' | 'lease' | 'isDraining'
>;

function createRevocationParts(ctx: RevocationContext, databaseUrl: string) {
  const revocations = new RevocationFeed(ctx);
  const startedAt = new Date(ctx.clock.now());
  const node = { id: generateOpaqueToken(), startedAt, countSockets: () => 0 };
  const source = openProofSource(databaseUrl, ctx);
  return {
    revocations,
    node,
    places: new SocketPlaces({ ...ctx, nodeId: node.id }),
    proof: new Proof(ctx, { node, feed: revocations, lease: ctx.lease, source }),
    acknowledgements: new Acknowledgements(ctx, node.id),
    blacklist: new Blacklist({ ...ctx, revocations }),
  };
}

/** How often a driver's position is stored, however often it is reported. */
const LOCATION_WRITE_MS = 1000;

function createLocationWrites({
  clock,
  log,
}: Pick<AppContext, 'clock' | 'log'>): LatestWins<number> {
  return new LatestWins(clock, {
    intervalMs: LOCATION_WRITE_MS,
    onLateFailure: (error) => {
      log.debug({ err: error }, 'a position could not be stored');
    },
  });
}

function createEphemeralStore(
  { config, secrets }: Settings,
  { log, clock }: Pick<AppContext, 'log' | 'clock'>,
): EphemeralStore {
  if (secrets.redisUrl !== undefined) {
    return new RedisStore({ url: secrets.redisUrl, keyPrefix: config.redisKeyPrefix, log });
  }
  log.info(
    'no REDIS_URL: codes, limits and the blacklist live in this process, for this node alone',
  );
  return new MemoryStore(clock);
}

function createSms(
  { config, secrets }: Settings,
  { log, clock, outbox }: Pick<AppContext, 'log' | 'clock' | 'outbox'>,
): SmsSender {
  if (outbox !== null) return createConsoleSms({ log, outbox, clock });
  return config.smsProvider === 'twilio'
    ? createTwilioSms(log, { baseUrl: config.twilioBaseUrl, ...secrets.twilio })
    : createWebhookSms({ log, clock }, secrets.smsWebhook);
}

/** So many wait for each that is being hashed: about two seconds' worth. */
const WAITING_PER_HASH = 64;

function createPasswordHasher(
  { config, secrets }: Settings,
  { passwordCost: cost }: PartOverrides,
): PasswordHasher {
  const concurrency = config.passwordHashConcurrency ?? defaultHashConcurrency();
  const pepper = deriveKey(secrets.hashPepper, 'password').export();
  const maxWaiting = WAITING_PER_HASH * concurrency;
  return new PasswordHasher({ pepper, cost, concurrency, maxWaiting });
}

function createMailQueue(
  { config, secrets }: Settings,
  { log, clock, outbox, metrics }: Pick<AppContext, 'log' | 'clock' | 'outbox' | 'metrics'>,
): MailQueue {
  const onFailure = () => {
    metrics.mailFailures.inc();
  };
  const sender = createMailSender({ config, secrets }, { log, clock, outbox });
  return new MailQueue({ sender, clock, log, onFailure });
}

function createMailSender(
  { config, secrets }: Settings,
  { log, clock, outbox }: Pick<AppContext, 'log' | 'clock' | 'outbox'>,
): MailSender {
  if (secrets.smtpUrl !== undefined) {
    return createSmtpMail({ url: secrets.smtpUrl, from: config.mailFrom });
  }
  if (outbox !== null) return createConsoleMail({ log, outbox, clock });
  log.warn(
    'no SMTP_URL: nobody is told of lockouts, new devices and changes, and no password can be reset',
  );
  return { send: () => Promise.resolve(), close: () => undefined };
}
