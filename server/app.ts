import { randomInt } from 'node:crypto';
import { createServer, type Server, type ServerOptions } from 'node:http';
import { repeat, systemClock } from './clock.ts';
import { ConfigError, type Secrets, type Settings } from './config.ts';
import type { AppContext, TokenKeys } from './context.ts';
import { createEncryptionKeys } from './crypto/encryption.ts';
import { deriveKey } from './crypto/keyed-hash.ts';
import { defaultHashConcurrency, PasswordHasher } from './crypto/password-hash.ts';
import { createKeysOfBothKinds } from './crypto/token-keys.ts';
import type { EphemeralStore } from './ephemeral/ephemeral-store.ts';
import { KnownCookies } from './ephemeral/known-cookies.ts';
import { MemoryStore } from './ephemeral/memory.ts';
import { RedisStore } from './ephemeral/redis.ts';
import type { Extension, Medallion } from './extension.ts';
import { getCurrentUser, requireRole, verifyJwt } from './http/authenticate.ts';
import { requirePermission } from './http/authenticate-staff.ts';
import { refuseBrokenRequest } from './http/broken-request.ts';
import { createHttpApp, type ExtraRouter } from './http/router.ts';
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
import { Connections } from './realtime/connections.ts';
import { createGateway } from './realtime/gateway.ts';
import { BUILT_IN_MESSAGES, defineMessage, type MessageTypes } from './realtime/messages.ts';
import { Blacklist } from './revocation/blacklist.ts';
import { RevocationFeed } from './revocation/revocation-feed.ts';
import { closeDatabase, migrate, openDatabase } from './store/database.ts';
import { bootstrapAdmin } from './use-cases/bootstrap-admin.ts';
import { keepAuditLog } from './use-cases/keep-audit-log.ts';
import { removeExpiredRows } from './use-cases/remove-expired-rows.ts';

const CLEANUP_INTERVAL_MS = 10 * 60 * 1000;
/** A client that sends its request slower than this holds a connection for nothing. */
const REQUEST_TIMEOUT_MS = 15_000;

const SERVER_OPTIONS: ServerOptions = {
  requestTimeout: REQUEST_TIMEOUT_MS,
  headersTimeout: REQUEST_TIMEOUT_MS,
  // How often both are looked at: a request is over time by no more than this.
  connectionsCheckingInterval: 1000,
  // Anything else that asks for an upgrade (h2c) is answered in HTTP/1.1 as if it had not.
  shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
};

/** Whom the tokens of accounts are for: this service and those that verify its tokens. */
const TOKEN_AUDIENCE = 'medallion';

const STORE_PATIENCE_MS = 2000;
/** A stopping node finishes what is under way, but no slower than this. */
const CLOSE_PATIENCE_MS = 6000;

/** What a test, or a team that embeds Medallion, puts in the place of our own. */
export interface Overrides extends Partial<Pick<AppContext, 'clock' | 'log'>> {
  extensions?: Extension[];
}

export interface App {
  /** Not listening yet. */
  server: Server;
  context: AppContext;
  /** From now on other secrets sign and verify tokens: both kinds at once, and whatever is under way goes on. */
  changeTokenKeys: (secrets: Secrets['tokenSecrets']) => Promise<void>;
  /** Refuses what is new, closes the sockets, finishes what is under way, then lets go of everything. */
  close: () => Promise<void>;
}

/** Builds the whole service and brings the schema up to date. The only place where things are constructed. */
export async function createApp(settings: Settings, overrides: Overrides = {}): Promise<App> {
  const { databaseUrl } = settings.secrets;
  if (databaseUrl === undefined) throw new ConfigError(['DATABASE_URL: is required']);
  await migrate(databaseUrl);
  const state = { isDraining: false };
  const parties = { issuer: settings.config.publicUrl, audience: TOKEN_AUDIENCE };
  const tokenKeys = await createKeysOfBothKinds(parties, settings.secrets.tokenSecrets);
  const parts = createParts(settings, overrides, () => state.isDraining);
  const context: AppContext = { ...parts, ...tokenKeys };
  const changeTokenKeys: App['changeTokenKeys'] = async (secrets) => {
    Object.assign(context, await createKeysOfBothKinds(parties, secrets));
  };
  const release = async () => {
    state.isDraining = true;
    context.revocations.stop();
    await Promise.all([
      context.mails.close(),
      context.ephemeral.close(),
      closeDatabase(context.db),
    ]);
  };
  try {
    await keepAuditLog(context).catch((error: unknown) => {
      context.log.warn({ err: error }, 'the audit log has no part for this month yet');
    });
    const { bootstrapAdmin: admin } = settings.secrets;
    if (admin !== null) await bootstrapAdmin(context, admin);
    await context.revocations.start();
    if (!(await context.ephemeral.waitUntilConnected(STORE_PATIENCE_MS))) {
      context.log.warn('redis is not reached yet, starting without it');
    }
    const { server, stop } = assemble(context, await runExtensions(context, overrides));
    const close = async () => {
      state.isDraining = true;
      await stop();
      await release();
    };
    return { server, context, changeTokenKeys, close };
  } catch (error) {
    await release();
    throw error;
  }
}

interface Extended {
  routers: ExtraRouter[];
  messages: MessageTypes;
}

/** The two edges on one HTTP server, and what runs by itself. */
function assemble(context: AppContext, { routers, messages }: Extended) {
  const connections = new Connections(context);
  context.revocations.onRevocation((revocation) => {
    connections.revoke(revocation);
  });
  const server = createServer(SERVER_OPTIONS, createHttpApp(context, routers));
  server.on('clientError', refuseBrokenRequest);
  server.on('upgrade', createGateway({ ctx: context, connections, messages }));
  const stopCleanup = repeat(context.clock, CLEANUP_INTERVAL_MS, {
    task: async () => {
      await keepAuditLog(context);
      await removeExpiredRows(context);
    },
    onError: (error) => {
      context.log.warn({ err: error }, 'the database is not tidied up yet');
    },
  });
  const stop = async () => {
    stopCleanup();
    const closed = closeServer(server);
    await connections.closeAll('draining');
    await closed;
  };
  return { server, stop };
}

function createParts(
  { config, secrets }: Settings,
  overrides: Overrides,
  isDraining: () => boolean,
): Omit<AppContext, keyof TokenKeys> {
  const clock = overrides.clock ?? systemClock;
  const log = overrides.log ?? createLog(config);
  const db = openDatabase(secrets.databaseUrl ?? '', config.databasePoolSize);
  const ephemeral = createEphemeralStore({ config, secrets }, { log, clock });
  const revocations = new RevocationFeed({ config, ephemeral, db, clock, log });
  const passwords = createPasswordHasher({ config, secrets });
  const metrics = createMetrics(passwords);
  const outbox = config.smsProvider === 'console' ? new Outbox() : null;
  return {
    config,
    clock,
    log,
    db,
    ephemeral,
    outbox,
    isDraining,
    metrics,
    codeHashKey: deriveKey(secrets.hashPepper, 'one-time-code'),
    emailHashKey: deriveKey(secrets.hashPepper, 'email'),
    encryptionKeys: createEncryptionKeys(secrets.encryptionSecrets),
    oneTimeTokenKey: deriveKey(secrets.hashPepper, 'one-time-token'),
    passwords,
    generateCode: () => String(randomInt(1_000_000)).padStart(6, '0'),
    sms: createSms({ config, secrets }, { log, clock, outbox }),
    mails: createMailQueue({ config, secrets }, { log, clock, outbox, metrics }),
    revocations,
    blacklist: new Blacklist({ ephemeral, db, clock, log, revocations, isDraining }),
    limiters: createLimiters(config, ephemeral),
    permissions: new RolePermissions(),
    apiClients: new Map(secrets.apiClients.map((client) => [client.name, client])),
    knownCookies: new KnownCookies(),
  };
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

function createPasswordHasher({ config, secrets }: Settings): PasswordHasher {
  const concurrency = config.passwordHashConcurrency ?? defaultHashConcurrency();
  const pepper = deriveKey(secrets.hashPepper, 'password').export();
  return new PasswordHasher({ pepper, concurrency, maxWaiting: WAITING_PER_HASH * concurrency });
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

async function runExtensions(
  context: AppContext,
  { extensions = [] }: Overrides,
): Promise<Extended> {
  const routers: ExtraRouter[] = [];
  const messages = new Map(BUILT_IN_MESSAGES);
  const medallion: Medallion = {
    context,
    addRouter: (path, router) => routers.push({ path, router }),
    addMessage: (type, definition) => messages.set(type, defineMessage(definition)),
    verifyJwt: verifyJwt(context),
    getCurrentUser,
    requireRole,
    requirePermission: (permission) => requirePermission(context, permission),
    addRolePermission: (role, permission) => {
      context.permissions.add(role, permission);
    },
  };
  for (const extend of extensions) await extend(medallion);
  return { routers, messages };
}

/** Resolves when the last answer has been sent, or when there has been time enough for it. */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, CLOSE_PATIENCE_MS).unref();
  // Those that are idle only after their last answer are closed as well.
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, 50);
  await new Promise((resolve) => server.close(resolve));
  clearInterval(idle);
  clearTimeout(deadline);
}
