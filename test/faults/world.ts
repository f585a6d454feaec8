import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  startRedisServer,
  type RedisOptions,
  type RedisServer,
} from '../../scripts/redis-server.ts';
import { launchServer, untilListening, type ServerProcess } from '../../scripts/server-process.ts';
import { openProxy, type TcpProxy } from '../support/proxy.ts';
import { Postgres } from './postgres.ts';
import type { Scope } from './scope.ts';

export const LEASE_MS = 5000;

/** More than one machine can ask for. */
const RAISED = '1000000/60';

export interface WorldSetting {
  nodes: number;
  graceSeconds: number;
  /** More of each node's environment. */
  nodeEnv?: (index: number, directory: string) => Record<string, string>;
}

/** One Medallion process, and its own network to each service. */
export interface Node {
  name: string;
  url: string;
  process: ServerProcess;
  postgres: TcpProxy;
  redis: TcpProxy;
}

export interface World {
  scope: Scope;
  directory: string;
  postgres: Postgres;
  redis: RedisServer;
  nodes: Node[];
  /** Another Redis of this scenario's. */
  startRedis: (name: string, settings?: string[]) => Promise<RedisServer>;
  startSentinel: (name: string, sentinelFile: string) => Promise<RedisServer>;
  /** One more node, of which nobody knows yet. */
  startNode: () => Promise<Node>;
}

interface Place {
  template: string;
  directory: string;
}

/** Nodes, a PostgreSQL and a Redis of one scenario. */
export async function startWorld(
  scope: Scope,
  { template, directory }: Place,
  setting: WorldSetting,
): Promise<World> {
  await mkdir(directory, { mode: 0o711 });
  const launchRedis = async (name: string, options: Partial<RedisOptions>) => {
    const home = join(directory, name);
    await mkdir(home);
    return scope.start(startRedisServer({ directory: home, ...options }), endRedis);
  };
  const startRedis = (name: string, settings: string[] = []) => launchRedis(name, { settings });
  const startSentinel = (name: string, sentinelFile: string) => launchRedis(name, { sentinelFile });
  const [postgres, redis] = await Promise.all([
    Postgres.start(scope, template, join(directory, 'postgres')),
    startRedis('redis'),
  ]);
  const services = { scope, directory, postgres, redis };
  const secrets = makeSecrets();
  const startNumbered = (index: number) =>
    startNode(services, String.fromCharCode(65 + index), {
      ...secrets,
      REVOCATION_LEASE_SECONDS: `${LEASE_MS / 1000}`,
      REVOCATION_GRACE_SECONDS: `${setting.graceSeconds}`,
      ...setting.nodeEnv?.(index, directory),
    });
  const nodes = await Promise.all(
    Array.from({ length: setting.nodes }, (_, i) => startNumbered(i)),
  );
  const startLate = () => startNumbered(nodes.length);
  return { ...services, nodes, startRedis, startSentinel, startNode: startLate };
}

async function startNode(
  { scope, directory, postgres, redis }: Pick<World, 'scope' | 'directory' | 'postgres' | 'redis'>,
  name: string,
  env: Record<string, string>,
): Promise<Node> {
  const toPostgres = await openProxyIn(scope, postgres.url);
  const toRedis = await openProxyIn(scope, redis.url);
  const launched = launchServer({
    env: {
      NODE_ENV: 'development',
      LOG_LEVEL: 'warn',
      DATABASE_URL: toPostgres.url,
      REDIS_URL: toRedis.url,
      DATA_DIR: join(directory, `node-${name}`),
      OTP_LIMIT_PER_IP: RAISED,
      RATE_LIMIT_API: RAISED,
      RATE_LIMIT_API_SESSION: RAISED,
      RATE_LIMIT_SOCKET_MESSAGES: RAISED,
      RATE_LIMIT_HANDSHAKES: RAISED,
      RATE_LIMIT_HANDSHAKES_PER_IP: RAISED,
      ...env,
    },
    cwd: directory,
  });
  // Nothing in it is worth a drain.
  scope.onEnd(() => {
    launched.child.kill('SIGKILL');
    return launched.ended;
  });
  const { url } = await untilListening(launched);
  return { name, url, process: launched, postgres: toPostgres, redis: toRedis };
}

async function openProxyIn(scope: Scope, url: string): Promise<TcpProxy> {
  const { proxy } = await scope.start(openProxy(url), ({ close }) => {
    close();
  });
  return proxy;
}

function makeSecrets(): Record<string, string> {
  return Object.fromEntries(
    ['JWT_SECRET_KEY', 'HASH_PEPPER', 'DATABASE_ENCRYPTION_KEY'].map((name) => [
      name,
      randomBytes(32).toString('base64'),
    ]),
  );
}

/** Also one that stands still. */
async function endRedis({ child, stop }: RedisServer): Promise<void> {
  child.kill('SIGKILL');
  await stop();
}
