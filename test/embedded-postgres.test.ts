import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, beforeEach, test } from 'node:test';

import { Client } from 'pg';

import {
  openEmbeddedPostgres,
  startEmbeddedPostgres,
  type EmbeddedPostgres,
} from '../server/embedded/embedded-postgres.ts';

const MODULE = join(import.meta.dirname, '../server/embedded/embedded-postgres.ts');

/** A server that never stops its PostgreSQL: it says its url and waits to be killed. */
const OWNER = `
  import { startEmbeddedPostgres } from ${JSON.stringify(MODULE)};
  const directory = process.argv[1];
  const { url } = await startEmbeddedPostgres({ directory, durable: false, log: () => {} });
  console.log(url);
`;

const directory = mkdtempSync(join(tmpdir(), 'medallion-postgres-'));
// PostgreSQL may run as another user, who must be able to enter.
chmodSync(directory, 0o711);
const POSTMASTER_FILE = join(directory, 'postgres/postmaster.pid');

const started: EmbeddedPostgres[] = [];
let sentences: string[] = [];

beforeEach(() => {
  sentences = [];
});

afterEach(async () => {
  for (const postgres of started.splice(0)) await postgres.stop();
});

after(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function start(place = directory): Promise<EmbeddedPostgres> {
  const log = (sentence: string) => sentences.push(sentence);
  const postgres = await startEmbeddedPostgres({ directory: place, log, durable: false });
  started.push(postgres);
  return postgres;
}

async function startOwner(): Promise<{ owner: ChildProcess; url: string }> {
  const args = ['--input-type=module', '--eval', OWNER, directory];
  const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: owner.stdout });
  const [url] = (await once(lines, 'line')) as [string];
  return { owner, url };
}

async function kill(owner: ChildProcess): Promise<void> {
  owner.kill('SIGKILL');
  await once(owner, 'exit');
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
}

function readPostmasterPid(): number {
  return Number.parseInt(readFileSync(POSTMASTER_FILE, 'utf8'));
}

test('starts from nothing, with an empty database in UTF-8', async () => {
  const postgres = await start();
  assert.equal(postgres.adopted, false);
  const facts = await query(
    postgres.url,
    `select unnest(array[current_database(), current_setting('server_encoding'), current_setting('timezone')])`,
  );
  assert.deepEqual(facts, ['medallion', 'UTF8', 'UTC']);
});

test('keeps its password to itself, and lets nobody in without it', async () => {
  const postgres = await start();
  assert.equal(statSync(join(directory, 'postgres-password')).mode & 0o777, 0o600);
  const url = new URL(postgres.url);
  assert.equal(url.hostname, '127.0.0.1');
  url.password = 'wrong';
  await assert.rejects(query(url.href, 'select 1'), { code: '28P01' });
});

test('keeps the data from one start to the next', async () => {
  const first = await start();
  await query(first.url, `create table kept as select 'still here' as word`);
  await first.stop();
  await assert.rejects(query(first.url, 'select 1'), { code: 'ECONNREFUSED' });

  const second = await start();
  assert.equal(second.adopted, false);
  assert.deepEqual(await query(second.url, 'select word from kept'), ['still here']);
});

test('takes over the PostgreSQL of a server that was killed', async () => {
  const { owner, url } = await startOwner();
  await kill(owner);

  const postgres = await start();
  assert.equal(postgres.adopted, true);
  assert.equal(postgres.url, url);
  assert.match(sentences.join(), /Took over PostgreSQL/);
  assert.deepEqual(await query(postgres.url, 'select 1'), [1]);

  await postgres.stop();
  await assert.rejects(query(url, 'select 1'), { code: 'ECONNREFUSED' });
});

test('refuses a second server on the directory, and leaves the first alone', async () => {
  const first = await start();
  await assert.rejects(start(), {
    message: `Another Medallion server is using ${directory}.`,
  });
  assert.deepEqual(await query(first.url, 'select 1'), [1]);
});

test('is used by a command beside the server, which leaves it running', async () => {
  const server = await start();
  const command = await openEmbeddedPostgres({ directory, log: () => undefined });
  assert.equal(command.url, server.url);
  await command.stop();
  assert.deepEqual(await query(server.url, 'select 1'), [1]);
});

test('lets one of two servers have it that start on a new directory at the same moment', async () => {
  // Nobody but its owner can enter this one: as root, PostgreSQL keeps its data elsewhere then.
  const closed = mkdtempSync(join(tmpdir(), 'medallion-postgres-'));
  try {
    const [one, other] = await Promise.allSettled([start(closed), start(closed)]);
    const [winner, loser] = one.status === 'fulfilled' ? [one, other] : [other, one];
    assert(winner.status === 'fulfilled' && loser.status === 'rejected');
    assert.match(String(loser.reason), /Another Medallion server is using/);
    assert.deepEqual(await query(winner.value.url, 'select 1'), [1]);
    await winner.value.stop();
  } finally {
    rmSync(realpathSync(join(closed, 'postgres')), { recursive: true });
    rmSync(closed, { recursive: true });
  }
});

test('says what PostgreSQL said when it does not start', async () => {
  const file = join(directory, 'postgres/postgresql.conf');
  const configuration = readFileSync(file);
  writeFileSync(file, 'no_such_setting = 1\n');
  try {
    await assert.rejects(start(), /did not start.*\n.*no_such_setting/s);
  } finally {
    writeFileSync(file, configuration);
  }
});

test('does not make a new password for a cluster that has one', async () => {
  const file = join(directory, 'postgres-password');
  renameSync(file, `${file}.lost`);
  try {
    await assert.rejects(start(), /postgres-password is gone: restore it/);
  } finally {
    renameSync(`${file}.lost`, file);
  }
});

test('starts again after a crash, also where its process number has been given away', async () => {
  const first = await start();
  process.kill(readPostmasterPid(), 'SIGKILL');
  await first.stop();
  const stale = readFileSync(POSTMASTER_FILE, 'utf8');
  writeFileSync(POSTMASTER_FILE, stale.replace(/^\d+/, `${process.pid}`));

  const second = await start();
  assert.equal(second.adopted, false);
  assert.deepEqual(await query(second.url, 'select 1'), [1]);
});

test('stop() resolves when PostgreSQL has ended already, and when called twice', async () => {
  const postgres = await start();
  process.kill(readPostmasterPid(), 'SIGKILL');
  await postgres.stop();
  await postgres.stop();
});

test('killNow() ends PostgreSQL without waiting for it', async () => {
  const postgres = await start();
  postgres.killNow();
  await postgres.stop();
  await assert.rejects(query(postgres.url, 'select 1'), { code: 'ECONNREFUSED' });
});

test('ends a running PostgreSQL that does not know its password, and says so', async () => {
  const first = await start();
  await query(first.url, `alter role medallion password 'another'`);
  await assert.rejects(start(), /password authentication failed/);
  await assert.rejects(query(first.url, 'select 1'), { code: 'ECONNREFUSED' });
});
