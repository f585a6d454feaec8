import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { findFreePort } from '../server/embedded/postgres-process.ts';

export interface RedisServer {
  url: string;
  child: ChildProcess;
  /** Ends Redis; resolves when it is gone. */
  stop: () => Promise<void>;
}

export interface RedisOptions {
  /** Where Redis runs and writes its log. */
  directory: string;
  log?: (sentence: string) => void;
  /** More of its settings, as on its command line. */
  settings?: string[];
  /** A Sentinel's configuration, which it rewrites: then it is that. */
  sentinelFile?: string;
}

const PROGRAMS = ['redis-server', 'valkey-server'];
const POLICY = '/usr/sbin/policy-rc.d';
const START_PATIENCE_MS = 10_000;
const STOP_PATIENCE_MS = 5_000;

/**
 * Starts a Redis without persistence as a child of this process, from the `redis-server` or
 * `valkey-server` in the PATH. Throws one sentence when there is none and none can be installed.
 */
export async function startRedisServer(options: RedisOptions): Promise<RedisServer> {
  const program = findProgram() ?? installRedis(options.log);
  // Another process may take the free port before Redis does.
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    const port = await findFreePort();
    const child = launch(program, port, options);
    const url = `redis://127.0.0.1:${port}`;
    if (await isReady(child, url)) return { url, child, stop: () => end(child) };
    await end(child);
  }
  const log = readFileSync(logFile(options.directory), 'utf8');
  throw new Error(`Redis did not start:\n${log.trim().split('\n').slice(-5).join('\n')}`);
}

/** Whether the Redis at this address answers. */
export async function answersPing(url: string): Promise<boolean> {
  const options = { lazyConnect: true, connectTimeout: 2_000, maxRetriesPerRequest: 0 };
  const redis = new Redis(url, { ...options, retryStrategy: () => null });
  redis.on('error', () => undefined);
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch {
    return false;
  } finally {
    redis.disconnect();
  }
}

function findProgram(): string | undefined {
  // By the error: a program that ctrl-C ends while it says its version is installed all the same.
  return PROGRAMS.find((name) => !spawnSync(name, ['--version'], { stdio: 'ignore' }).error);
}

function installRedis(log?: (sentence: string) => void): string {
  const canInstall = process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (canInstall) {
    log?.('There is no Redis on this machine: installing the package redis-server.');
    installWithoutStarting('redis-server');
  }
  const program = findProgram();
  if (program) return program;
  throw new Error(
    'No Redis: install redis-server or valkey-server (apt-get install redis-server, brew install redis), or set TEST_REDIS_URL.',
  );
}

/** Debian starts a service when it installs it, unless policy-rc.d answers 101 (forbidden). */
export function installWithoutStarting(name: string): void {
  const isPolicyOurs = !existsSync(POLICY);
  if (isPolicyOurs) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', name]]) {
      // What apt says goes to stderr: stdout belongs to our caller.
      spawnSync('apt-get', ['-q', ...args], { env, stdio: ['ignore', 2, 2], timeout: 180_000 });
    }
  } finally {
    if (isPolicyOurs) rmSync(POLICY);
  }
}

function launch(program: string, port: number, options: RedisOptions): ChildProcess {
  const { directory, settings = [], sentinelFile } = options;
  const log = openSync(logFile(directory), 'a');
  const args = sentinelFile === undefined ? [] : [sentinelFile, '--sentinel'];
  args.push('--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--daemonize', 'no');
  if (sentinelFile === undefined) args.push('--save', '', '--appendonly', 'no');
  args.push(...settings);
  const child = spawn(program, args, { stdio: ['ignore', log, log] });
  child.on('error', () => undefined);
  return child;
}

function logFile(directory: string): string {
  return join(directory, 'redis.log');
}

function isOver(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

async function isReady(child: ChildProcess, url: string): Promise<boolean> {
  const deadline = performance.now() + START_PATIENCE_MS;
  while (!isOver(child) && performance.now() < deadline) {
    // A Redis that answers while ours is ending has taken the port before it.
    if (await answersPing(url)) return !isOver(child);
    await sleep(20);
  }
  return false;
}

async function end(child: ChildProcess): Promise<void> {
  if (isOver(child)) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
  await ended;
  clearTimeout(killer);
}
