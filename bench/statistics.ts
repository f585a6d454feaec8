/** Of sorted values. */
export function percentile(sorted: readonly number[], fraction: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN;
}

/** Of values in any order. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle)] ?? NaN)) / 2;
}

/** How often, and how long each time. */
export interface Plan {
  rounds: number;
  ms: number;
  /** Before the first round: the first calls of every function are interpreted, not compiled. */
  warmUpMs: number;
}

interface Rounds<Subject, Result> extends Plan {
  measure: (subject: Subject, ms: number) => Promise<Result>;
}

/** Measures each subject once a round, and gives the results of each; who goes first changes. */
export async function alternate<Subject, Result>(
  subjects: readonly Subject[],
  { rounds, ms, warmUpMs, measure }: Rounds<Subject, Result>,
): Promise<Map<Subject, Result[]>> {
  const results = new Map(subjects.map((subject) => [subject, [] as Result[]]));
  for (const subject of subjects) await measure(subject, warmUpMs);
  for (let round = 0; round < rounds; round += 1) {
    const first = round % subjects.length;
    for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
      results.get(subject)?.push(await measure(subject, ms));
    }
  }
  return results;
}
