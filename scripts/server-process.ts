import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** All that it has written so far. */
  output: () => string;
  /** Resolves with the exit code when it has ended; null where a signal ended it. */
  ended: Promise<number | null>;
  /** Asks it to stop, insists when it does not, and resolves when it has. */
  stop: () => Promise<number | null>;
}

interface LaunchOptions {
  /** The whole environment, but for PATH. */
  env: Record<string, string>;
  /** Where it runs: a `.env` file there is read. */
  cwd: string;
  program?: string;
}

const MAIN = join(import.meta.dirname, '../server/main.ts');
const START_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 10_000;

/** How a server says where it is: for people, and in production for machines. */
const GREETING = /listens on (http:\/\/\S+)/;
const LOG_LINE = /"port":(\d+)[^\n]*"msg":"listening"/;

/** Starts `server/main.ts`, or another program that greets alike, as a process of its own. */
export function launchServer({ env, cwd, program = MAIN }: LaunchOptions): ServerProcess {
  const child = spawn(process.execPath, [program], {
    cwd,
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = keep(output + text)));
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve).once('error', reject);
  });
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MS);
    const code = await ended;
    clearTimeout(killer);
    return code;
  };
  return {
    get url() {
      const address = GREETING.exec(output)?.[1];
      return address ?? `http://127.0.0.1:${LOG_LINE.exec(output)?.[1] ?? ''}`;
    },
    child,
    output: () => output,
    ended,
    stop,
  };
}

/** Resolves when it listens. Throws what it said when it ends before that, or takes too long. */
export async function untilListening(server: ServerProcess): Promise<ServerProcess> {
  const deadline = performance.now() + START_PATIENCE_MS;
  while (!GREETING.test(server.output()) && !LOG_LINE.test(server.output())) {
    const isOver = server.child.exitCode !== null || server.child.signalCode !== null;
    if (isOver || performance.now() > deadline) {
      await server.stop();
      throw new Error(`A server did not start:\n${server.output().trim()}`);
    }
    await sleep(10);
  }
  return server;
}

/** The beginning, where it says its address, and the end, where it says what went wrong. */
function keep(text: string): string {
  return text.length < 100_000 ? text : text.slice(0, 5_000) + text.slice(-45_000);
}
