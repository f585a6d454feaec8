import { createServer, type Server, type ServerOptions } from 'node:http';
import type { Request, Response } from 'express';
import { repeat } from './clock.ts';
import { prepareClose } from './close-server.ts';
import { ConfigError, type Secrets, type Settings } from './config.ts';
import type { AppContext } from './context.ts';
import { createKeysOfBothKinds } from './crypto/token-keys.ts';
import type { Extension, Medallion } from './extension.ts';
import { getCurrentUser, requireRole, verifyJwt } from './http/authenticate.ts';
import { requirePermission } from './http/authenticate-staff.ts';
import { refuseBrokenRequest, refuseUnrouted } from './http/broken-request.ts';
import { requireRecentSignIn } from './http/require-recent-sign-in.ts';
import { createHttpApp, type ExtraRouter } from './http/router.ts';
import { describeSocket } from './realtime/asyncapi.ts';
import { Connections } from './realtime/connections.ts';
import { HandshakeLimits } from './realtime/handshake-limits.ts';
import { PlaceKeeper } from './realtime/place-keeper.ts';
import { keepPresence } from './realtime/presence.ts';
import { drainSockets } from './realtime/drain-sockets.ts';
import { createGateway } from './realtime/gateway.ts';
import { createMessages } from './realtime/built-in-messages.ts';
import { defineMessage, type MessageTypes } from './realtime/messages.ts';
import { closeDatabase, migrate } from './store/database.ts';
import { bootstrapAdmin } from './use-cases/bootstrap-admin.ts';
import { keepAuditLog } from './use-cases/keep-audit-log.ts';
import { removeExpiredRows } from './use-cases/remove-expired-rows.ts';
import { createParts, type PartOverrides } from './app-parts.ts';

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

/** What a test, or a team that embeds Medallion, puts in the place of our own. */
export interface Overrides extends PartOverrides {
  extensions?: Extension[];
}

export interface App {
  /** Not listening yet. */
  server: Server;
  context: AppContext;
  /** From now on other secrets sign and verify tokens: both kinds at once, and whatever is under way goes on. */
  changeTokenKeys: (secrets: Secrets['tokenSecrets']) => Promise<void>;
  /**
   * Lets load balancers see that it leaves, drains the sockets, finishes what is under way, then lets go of everything.
   * In a hurry nobody is waited for but what is under way.
   */
  close: (how?: { isHurried: boolean }) => Promise<void>;
}

/** Builds the whole service and brings the schema up to date. Here and in `app-parts.ts` alone things are constructed. */
export async function createApp(settings: Settings, overrides: Overrides = {}): Promise<App> {
  const { databaseUrl } = settings.secrets;
  if (databaseUrl === undefined) throw new ConfigError(['DATABASE_URL: is required']);
  await migrate(databaseUrl);
  const state = { isLeaving: false, isDraining: false };
  const parties = { issuer: settings.config.publicUrl, audience: TOKEN_AUDIENCE };
  const tokenKeys = await createKeysOfBothKinds(parties, settings.secrets.tokenSecrets);
  const parts = createParts(settings, overrides, {
    isLeaving: () => state.isLeaving,
    isDraining: () => state.isDraining,
  });
  const context: AppContext = { ...parts, ...tokenKeys };
  const changeTokenKeys: App['changeTokenKeys'] = async (secrets) => {
    Object.assign(context, await createKeysOfBothKinds(parties, secrets));
  };
  const release = async () => {
    state.isDraining = true;
    await Promise.all([
      context.proof.stop(),
      context.mails.close(),
      context.ephemeral.close(),
      closeDatabase(context.db),
    ]);
  };
  try {
    await makeReady(context, settings.secrets);
    const connections = new Connections(context);
    const extended = await runExtensions({ context, connections }, overrides);
    const { server, stop } = assemble({ context, connections }, extended);
    const close: App['close'] = async ({ isHurried } = { isHurried: false }) => {
      state.isLeaving = true;
      if (server.listening && !isHurried) await untilUnseen(context);
      state.isDraining = true;
      await stop(isHurried);
      await release();
    };
    return { server, context, changeTokenKeys, close };
  } catch (error) {
    await release();
    throw error;
  }
}

interface Edges {
  context: AppContext;
  connections: Connections;
}

/** What must be there before anything is served. */
async function makeReady(context: AppContext, { bootstrapAdmin: admin }: Secrets): Promise<void> {
  await keepAuditLog(context).catch((error: unknown) => {
    context.log.warn({ err: error }, 'the audit log has no part for this month yet');
  });
  if (admin !== null) await bootstrapAdmin(context, admin);
  context.acknowledgements.start(context.revocations);
  await context.proof.start();
  if (!(await context.ephemeral.waitUntilConnected(STORE_PATIENCE_MS))) {
    context.log.warn('redis is not reached yet, starting without it');
  }
}

interface Extended {
  routers: ExtraRouter[];
  messages: MessageTypes;
}

/** The two edges on one HTTP server, and what runs by itself. */
function assemble({ context, connections }: Edges, { routers, messages }: Extended) {
  context.node.countSockets = () => connections.size;
  context.revocations.onRevocation((revocation) => connections.revoke(revocation));
  context.events.start(
    (event) => connections.deliver(event),
    ({ event_id, sent_at }, sockets) => {
      context.acknowledgements.tell(event_id, { sockets, since: sent_at });
    },
  );
  const stopPresence = keepPresence(context, connections);
  const places = new PlaceKeeper(context, connections);
  const limits = new HandshakeLimits(context);
  const describe = () => describeSocket(messages, context.config);
  const app = createHttpApp(context, { routers, describeSocket: describe });
  const server = createServer(SERVER_OPTIONS, (req, res) => {
    // Express has Node's own types of both.
    app(req as Request, res as Response, () => {
      refuseUnrouted(req, res);
    });
  });
  const closeServer = prepareClose(server);
  server.on('clientError', refuseBrokenRequest);
  server.on('upgrade', createGateway({ ctx: context, connections, limits, places, messages }));
  const stopCleanup = repeat(context.clock, CLEANUP_INTERVAL_MS, {
    task: async () => {
      await keepAuditLog(context);
      await removeExpiredRows(context);
    },
    onError: (error) => {
      context.log.warn({ err: error }, 'the database is not tidied up yet');
    },
  });
  const stop = async (isHurried: boolean) => {
    stopCleanup();
    await places.stop();
    await drainSockets(context, connections, { isHurried });
    stopPresence();
    await closeServer();
  };
  return { server, stop };
}

/**
 * Until load balancers have seen `/readyz` and send what is new elsewhere. What they still send is served, sockets as
 * well: to refuse it would be an outage for whoever sent it.
 */
async function untilUnseen({ clock, config }: AppContext): Promise<void> {
  if (config.drainReadinessSeconds === 0) return;
  await new Promise<void>((resolve) => {
    clock.after(config.drainReadinessSeconds * 1000, resolve);
  });
}

async function runExtensions(
  { context, connections }: Edges,
  { extensions = [] }: Overrides,
): Promise<Extended> {
  const routers: ExtraRouter[] = [];
  const messages = createMessages(context, connections);
  const medallion: Medallion = {
    context,
    addRouter: (path, router) => routers.push({ path, router }),
    addMessage: (type, definition) => messages.set(type, defineMessage(definition)),
    verifyJwt: verifyJwt(context),
    getCurrentUser,
    requireRole,
    requirePermission: (permission) => requirePermission(context, permission),
    requireRecentSignIn: (maxAgeSeconds) => requireRecentSignIn(context, maxAgeSeconds),
    addRolePermission: (role, permission) => {
      context.permissions.add(role, permission);
    },
  };
  for (const extend of extensions) await extend(medallion);
  return { routers, messages };
}
