import assert from 'node:assert/strict';
import { atEnd } from '../teardown.ts';
import { loadDescription } from './compiled-description.ts';

const MAX_MISFITS = 10;

const misfits = new Set<string>();

/** Fails the file at its end where a node said what its descriptions do not. */
atEnd(() => {
  const some = [...misfits].slice(0, MAX_MISFITS);
  assert.ok(some.length === 0, `Not as it is described:\n${some.join('\n')}`);
});

export const description = await loadDescription();

export function noteMisfit(misfit: string): void {
  misfits.add(misfit);
}
