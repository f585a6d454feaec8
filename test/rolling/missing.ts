import type { Entry } from './client.ts';

export interface Missing {
  /** Numbers that never came, though the client knows from a `ready` that it must read again what it shows. */
  known: number[];
  /** Numbers that never came, and nothing says so. */
  silent: number[];
}

/**
 * Which events a client did not get. One is known to be missing when a `ready` came between those before it and those
 * after it, and not before it was sent: what the client reads after that `ready` has it.
 *
 * @param sentAt When each event was sent, by its number.
 */
export function findMissing(entries: readonly Entry[], sentAt: readonly number[]): Missing {
  const firstAt = new Map<number, number>();
  for (const [index, entry] of entries.entries()) {
    if ('number' in entry && !firstAt.has(entry.number)) firstAt.set(entry.number, index);
  }
  const missing: Missing = { known: [], silent: [] };
  let before = 0;
  const gaps: { number: number; from: number }[] = [];
  for (let number = 0; number < sentAt.length; number += 1) {
    const index = firstAt.get(number);
    if (index === undefined) {
      gaps.push({ number, from: before });
      continue;
    }
    before = index;
    judge(gaps.splice(0), index);
  }
  judge(gaps, entries.length);
  return missing;

  function judge(numbers: { number: number; from: number }[], to: number): void {
    for (const { number, from } of numbers) {
      const isKnown = entries
        .slice(from, to)
        .some((entry) => 'readyAt' in entry && entry.readyAt >= (sentAt[number] ?? 0));
      missing[isKnown ? 'known' : 'silent'].push(number);
    }
  }
}
