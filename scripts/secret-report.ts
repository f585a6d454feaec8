import { existsSync, readFileSync } from 'node:fs';

/** What one test file tells of its search for secrets at rest: a line of JSON. */
export interface SecretReport {
  /** How many different secrets of each kind were searched for. */
  searched?: Record<string, number>;
  leaks?: number;
  ms?: number;
  /** The kinds that the product has, by its own description. */
  described?: string[];
}

/**
 * Says what the run searched for. A whole run in which a kind of secret of the product was never used, so that
 * nothing can have been found of it, is a failure: 1.
 */
export function checkSecretReport(path: string, isFullRun: boolean): number {
  const reports = readReports(path);
  const totals = new Map<string, number>();
  for (const [kind, count] of reports.flatMap(({ searched = {} }) => Object.entries(searched))) {
    totals.set(kind, (totals.get(kind) ?? 0) + count);
  }
  console.log(summarize(reports, totals));
  if (!isFullRun) return 0;
  const described = reports.flatMap((report) => report.described ?? []);
  if (described.length === 0) console.error('No test told which kinds of secrets there are.');
  const missing = described.filter((kind) => !totals.has(kind));
  for (const kind of missing) console.error(`No test used a secret of the kind: ${kind}.`);
  return described.length === 0 || missing.length > 0 ? 1 : 0;
}

function readReports(path: string): SecretReport[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as SecretReport);
}

function summarize(reports: SecretReport[], totals: ReadonlyMap<string, number>): string {
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
  const searches = reports.filter(({ searched }) => searched !== undefined);
  const leaks = sum(searches.map((report) => report.leaks ?? 0));
  const seconds = (sum(searches.map(({ ms = 0 }) => ms)) / 1000).toFixed(1);
  const kinds = [...totals].sort().map(([kind, count]) => `  ${kind}: ${count}`);
  return [
    `Secrets at rest: ${leaks} found in ${searches.length} databases, searched in ${seconds} s for`,
    ...kinds,
  ].join('\n');
}
