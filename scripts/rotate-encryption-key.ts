/**
 * Encrypts under DATABASE_ENCRYPTION_KEY what is still under DATABASE_ENCRYPTION_KEY_PREVIOUS, while servers run:
 * `npm run rotate-encryption-key`. docs/accounts.md says when. May be run again at any time. Ends with 0 when
 * everything is under the current key, 1 when something could not be read or the database does not answer.
 */
import type { z } from 'zod';
import { ConfigError } from '../server/config.ts';
import { createEncryptionKeys, type EncryptionKeys } from '../server/crypto/encryption.ts';
import { environmentSchema } from '../server/environment.ts';
import { AppError } from '../server/errors.ts';
import { closeDatabase, migrate, openDatabase, pingDatabase } from '../server/store/database.ts';
import { rotateEncryptionKey } from '../server/use-cases/rotate-encryption-key.ts';
import { cleanUpAtExit } from './clean-up.ts';
import { loadDotEnv, openDatabaseUrl } from './database-url.ts';

const PROGRESS_MS = 3000;
const KEYS = environmentSchema.pick({
  DATABASE_ENCRYPTION_KEY: true,
  DATABASE_ENCRYPTION_KEY_PREVIOUS: true,
});

const { start, exit, isExiting } = cleanUpAtExit();

async function run(): Promise<number> {
  const encryptionKeys = readKeys();
  const { url } = await start(openDatabaseUrl(), ({ release }) => release());
  const db = await start(Promise.resolve(openDatabase(url, 1)), closeDatabase);
  await pingDatabase(db);
  await migrate(url);

  const total = { rotated: 0, alreadyCurrent: 0, unreadable: [] as number[] };
  const summary = (): string =>
    `${total.rotated} rotated, ${total.alreadyCurrent} already there, ${total.unreadable.length} not readable`;
  setInterval(() => {
    console.error(`So far: ${summary()}`);
  }, PROGRESS_MS).unref();
  for await (const { rotated, alreadyCurrent, unreadable } of rotateEncryptionKey({
    db,
    encryptionKeys,
  })) {
    total.rotated += rotated;
    total.alreadyCurrent += alreadyCurrent;
    total.unreadable.push(...unreadable);
  }
  console.log(summary());
  if (total.unreadable.length === 0) return 0;
  console.log(`Damaged, or under a key that is not known: users ${total.unreadable.join(', ')}`);
  return 1;
}

/** Both from the environment: nothing is encrypted under a key that was made on this machine in passing. */
function readKeys(): EncryptionKeys {
  loadDotEnv();
  const given = Object.fromEntries(Object.entries(process.env).filter(([, text]) => text !== ''));
  const { data, error } = KEYS.safeParse(given);
  if (error) throw new ConfigError(error.issues.map((issue) => describe(issue, given)));
  const { DATABASE_ENCRYPTION_KEY: current, DATABASE_ENCRYPTION_KEY_PREVIOUS: previous } = data;
  return createEncryptionKeys(previous === undefined ? [current] : [current, previous]);
}

function describe({ path, message }: z.core.$ZodIssue, given: NodeJS.ProcessEnv): string {
  const name = path.join('.');
  return `${name}: ${given[name] === undefined ? 'is required' : message}`;
}

function explain(error: unknown): string {
  const { message, cause } = error as Error;
  if (!(error instanceof AppError && error.code === 'service_unavailable')) return message;
  const reason = cause instanceof Error ? cause.message || cause.name : 'no reason given';
  return `The database does not answer (${reason}); run this again: it goes on where it stopped.`;
}

try {
  await exit(await run());
} catch (error) {
  if (!isExiting()) console.error(explain(error));
  await exit(1);
}
