import { execFile, execFileSync } from 'node:child_process';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../../server/embedded/embedded-postgres.ts';
import { findPostmaster } from '../../server/embedded/postgres-process.ts';
import { migrate } from '../../server/store/database.ts';
import type { Scope } from './scope.ts';

const log = (sentence: string) => {
  console.error(sentence);
};

/** Makes the cluster that every scenario gets a copy of: its schema is there, and it notes when a transaction commits. */
export async function makeTemplateCluster(directory: string): Promise<void> {
  const postgres = await startEmbeddedPostgres({ directory, log, durable: false });
  try {
    await migrate(postgres.url);
    await withClient(postgres.url, (client) =>
      client.query('ALTER SYSTEM SET track_commit_timestamp = on'),
    );
  } finally {
    await postgres.stop();
  }
}

/** A PostgreSQL that a scenario stops, crashes and starts again. */
export class Postgres {
  readonly #directory: string;
  #running: EmbeddedPostgres;

  private constructor(directory: string, running: EmbeddedPostgres) {
    this.#directory = directory;
    this.#running = running;
  }

  static async start(scope: Scope, template: string, directory: string): Promise<Postgres> {
    await promisify(execFile)('cp', ['-a', template, directory]);
    const starting = startEmbeddedPostgres({ directory, log, durable: true });
    const postgres = starting.then((running) => new Postgres(directory, running));
    return scope.start(postgres, (started) => started.end());
  }

  get url(): string {
    return this.#running.url;
  }

  async query<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
    return withClient(this.url, async (client) => (await client.query<Row>(sql, values)).rows);
  }

  /** A connection that the caller ends. */
  async connect(): Promise<Client> {
    return connectTo(this.url);
  }

  /** Every process of it stands still, and no connection ends. */
  async pause(): Promise<void> {
    await this.#signal('SIGSTOP');
  }

  async resume(): Promise<void> {
    await this.#signal('SIGCONT');
  }

  /** As when its machine loses power: nothing is shut down. */
  async crash(): Promise<void> {
    this.#running.killNow();
    await this.#running.stop();
  }

  /** Recovers from its log, at another address. */
  async startAgain(): Promise<void> {
    const options = { directory: this.#directory, log, durable: true };
    this.#running = await startEmbeddedPostgres(options);
  }

  async end(): Promise<void> {
    await this.resume();
    await this.crash();
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const dataDirectory = await realpath(join(this.#directory, 'postgres'));
    const postmaster = findPostmaster(dataDirectory);
    if (postmaster === null) return;
    for (const pid of [postmaster.pid, ...childrenOf(postmaster.pid)]) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return execFileSync('pgrep', ['-P', `${pid}`], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map(Number);
  } catch {
    return [];
  }
}

async function withClient<Result>(
  url: string,
  work: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = await connectTo(url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connectTo(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
