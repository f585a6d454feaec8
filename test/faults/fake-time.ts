import assert from 'node:assert/strict';
import { globSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installWithoutStarting } from '../../scripts/redis-server.ts';
import type { Node } from './world.ts';

const LIBRARY = '/usr/lib/*/faketime/libfaketimeMT.so.1';

/** The environment of a process whose wall clock is set by a file in this directory, and whose monotonic one is not. */
export function fakeTime(directory: string): Record<string, string> {
  setTime(directory, 0);
  return {
    LD_PRELOAD: findLibrary(),
    FAKETIME_TIMESTAMP_FILE: fileIn(directory),
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
  };
}

/** Sets a node's clock forward or back against the true time, and makes sure that it goes by it. */
export async function setClock(
  { url }: Node,
  directory: string,
  offsetSeconds: number,
): Promise<void> {
  setTime(directory, offsetSeconds);
  // What the header says is up to a second old.
  await sleep(1100);
  const { headers } = await fetch(`${url}/healthz`);
  const offMs = Date.parse(headers.get('date') ?? '') - Date.now() - offsetSeconds * 1000;
  assert.ok(Math.abs(offMs) < 3000, 'the clock could not be set: it needs libfaketime');
}

function setTime(directory: string, offsetSeconds: number): void {
  const sign = offsetSeconds < 0 ? '' : '+';
  writeFileSync(fileIn(directory), `${sign}${offsetSeconds}`);
}

/** @throws one sentence where it is missing */
export function findLibrary(): string {
  const [known] = globSync(LIBRARY);
  if (known !== undefined) return known;
  if (process.getuid?.() === 0) installWithoutStarting('faketime');
  const [installed] = globSync(LIBRARY);
  if (installed !== undefined) return installed;
  throw new Error('No libfaketime to set a clock with: apt-get install faketime.');
}

function fileIn(directory: string): string {
  return join(directory, 'time');
}
