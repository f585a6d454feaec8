import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import type { SecretReport } from '../../scripts/secret-report.ts';
import type { Leak } from './leaks.ts';
import { searchDatabase } from './search-database.ts';
import { searchRedis } from './search-redis.ts';
import { SecretMatcher } from './secret-matcher.ts';
import { recordedSecrets } from './secret-record.ts';

/** Where a test file's nodes keep what they keep. */
export interface Storage {
  databaseUrl: string;
  redisUrl: string;
  /** Of all keys of the file's nodes. */
  redisPrefixes: Iterable<string>;
}

/** Everything at rest that the file has sent, or was sent, as a secret. */
export async function findLeaks(
  { databaseUrl, redisUrl, redisPrefixes }: Storage,
  secrets = recordedSecrets(),
): Promise<Leak[]> {
  const matcher = new SecretMatcher(secrets);
  const leaks = await searchDatabase(databaseUrl, matcher);
  for (const prefix of redisPrefixes) {
    leaks.push(...(await searchRedis({ url: redisUrl, prefix }, matcher)));
  }
  return leaks;
}

/** Fails where a secret is at rest, without saying it, and tells the test runner what was searched for. */
export async function assertNoSecretAtRest(storage: Storage): Promise<void> {
  const start = performance.now();
  const secrets = recordedSecrets();
  const leaks = await findLeaks(storage, secrets);
  const searched: Record<string, number> = {};
  for (const kind of secrets.values()) searched[kind] = (searched[kind] ?? 0) + 1;
  report({ searched, leaks: leaks.length, ms: performance.now() - start });
  assert.ok(leaks.length === 0, leaks.map(toSentence).join('\n'));
}

/** Adds a line to the report of the test run; where there is no run, nobody reads it. */
export function report(line: SecretReport): void {
  const path = process.env.TEST_SECRET_REPORT ?? '';
  if (path !== '') appendFileSync(path, `${JSON.stringify(line)}\n`);
}

function toSentence({ kind, place }: Leak): string {
  return `A secret of the kind "${kind}" is at rest in the clear: ${place}.`;
}
