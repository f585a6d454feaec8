import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { installWithoutStarting } from '../../scripts/redis-server.ts';
import { findPort } from './ports.ts';

const START_PATIENCE_MS = 10_000;

/** Where it listens, and where the two nodes do or will: each `host:port`. */
interface Addresses {
  own: string;
  nodes: [string, string];
}

/** Gives its arguments and environment; it may write into the directory. */
type Prepare = (
  addresses: Addresses,
  paths: { configuration: string; directory: string },
) => { args: string[]; env: Record<string, string> };

export type LoadBalancerName = 'haproxy' | 'nginx';

/** By the name of the program, of Debian's package and of the configuration in docs/. */
const KINDS: Record<LoadBalancerName, { extension: string; prepare: Prepare }> = {
  haproxy: {
    extension: 'cfg',
    prepare: ({ own, nodes: [a, b] }, { configuration }) => ({
      args: ['-db', '-f', configuration],
      env: { HAPROXY_BIND: own, NODE_A: a, NODE_B: b },
    }),
  },
  nginx: {
    extension: 'conf',
    // It takes no addresses from the environment.
    prepare: ({ own, nodes: [a, b] }, { configuration, directory }) => {
      const text = readFileSync(configuration, 'utf8')
        .replace('127.0.0.1:8080', own)
        .replace('127.0.0.1:3001', a)
        .replace('127.0.0.1:3002', b);
      const file = join(directory, 'nginx.conf');
      writeFileSync(file, text);
      const globals = `daemon off; pid ${directory}/nginx.pid; error_log stderr;`;
      return { args: ['-p', directory, '-e', 'stderr', '-c', file, '-g', globals], env: {} };
    },
  },
};

export interface LoadBalancer {
  url: string;
  /** Its name and version. */
  version: string;
  stop: () => Promise<void>;
}

/** Starts a load balancer, configured as docs/ shows it, in front of two nodes that listen. */
export async function startLoadBalancer(
  name: LoadBalancerName,
  { directory, nodes }: { directory: string; nodes: [string, string] },
): Promise<LoadBalancer> {
  const program = findLoadBalancer(name);
  const { extension, prepare } = KINDS[name];
  const configuration = join(import.meta.dirname, `../../docs/${name}.${extension}`);
  const own = `127.0.0.1:${await findPort()}`;
  const { args, env } = prepare({ own, nodes }, { configuration, directory });
  const logFile = join(directory, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(program, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', log, log],
  });
  child.on('error', () => undefined);
  const url = `http://${own}`;
  if (await isReady(child, url)) {
    return { url, version: versionOf(name, program), stop: () => end(child) };
  }
  await end(child);
  throw new Error(`${name} did not start:\n${readFileSync(logFile, 'utf8').trim()}`);
}

/** @throws one sentence where there is none and none can be installed */
export function findLoadBalancer(name: LoadBalancerName): string {
  // Debian's place for them is not in everybody's PATH.
  const find = () => [name, `/usr/sbin/${name}`].find((program) => !askVersion(program).error);
  const known = find();
  if (known !== undefined) return known;
  if (process.getuid?.() === 0) {
    console.error(`There is no ${name} on this machine: installing the package.`);
    installWithoutStarting(name);
  }
  const installed = find();
  if (installed !== undefined) return installed;
  throw new Error(`No ${name}: apt-get install ${name}, or brew install ${name}.`);
}

function askVersion(program: string) {
  return spawnSync(program, ['-v'], { encoding: 'utf8' });
}

function versionOf(name: LoadBalancerName, program: string): string {
  const { stdout, stderr } = askVersion(program);
  return `${name} ${/\d+\.\d+\.\d+/.exec(stdout + stderr)?.[0] ?? 'unknown'}`;
}

async function isReady(child: ChildProcess, url: string): Promise<boolean> {
  const deadline = performance.now() + START_PATIENCE_MS;
  while (isRunning(child) && performance.now() < deadline) {
    const isServed = await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isServed) return true;
    await sleep(50);
  }
  return false;
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

/** At once: nobody waits for what goes through it. */
async function end(child: ChildProcess): Promise<void> {
  if (!isRunning(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
