import { median } from './statistics.ts';
import type { SteadyResult } from './steady-load.ts';

interface Rates {
  name: string;
  /** A second, by round. */
  rates: number[];
}

/** Of `GET /me`. */
export interface MeRound extends SteadyResult {
  /** A second, beside it. */
  logins: number;
}

interface RefreshRates {
  medallion: number[];
  transaction: number[];
  statement: number[];
  ceiling: number[];
}

export function reportRefreshes(results: RefreshRates): string[] {
  return reportRates({ name: 'Medallion', rates: results.medallion }, [
    { name: 'bare Express, the same SQL in one transaction', rates: results.transaction },
    { name: "bare Express, Medallion's one statement", rates: results.statement },
    { name: 'the load itself, on a server that does nothing', rates: results.ceiling },
  ]);
}

export function reportLogins(results: { medallion: number[]; hash: number[] }): string[] {
  return reportRates({ name: 'Medallion', rates: results.medallion }, [
    { name: 'bare hash', rates: results.hash },
  ]);
}

/** A table of our rates, and their ratios to those of others. */
export function reportRates(ours: Rates, floors: Rates[]): string[] {
  return [
    '',
    '| | a second | Medallion to this | rounds |',
    '|---|---|---|---|',
    ...[ours, ...floors].map(({ name, rates }) => {
      const ratio = name === ours.name ? '' : (median(ours.rates) / median(rates)).toFixed(2);
      const rounds = rates.map((rate) => rate.toFixed(0)).join(', ');
      return `| ${name} | ${median(rates).toFixed(0)} | ${ratio} | ${rounds} |`;
    }),
    '',
  ];
}

const ME_COLUMNS = ['p50', 'p99', 'slowest', 'lateP99', 'logins'] as const;

/** Medians of the rounds. */
export function reportMe({ idle, saturated }: { idle: MeRound[]; saturated: MeRound[] }): string[] {
  const middle = (rounds: MeRound[], column: (typeof ME_COLUMNS)[number]) =>
    median(rounds.map((round) => round[column]));
  const row = (name: string, rounds: MeRound[]) => {
    const values = ME_COLUMNS.map((column) => middle(rounds, column).toFixed(2));
    const p99s = rounds.map(({ p99 }) => p99.toFixed(2));
    return `| ${name} | ${values.join(' | ')} | ${p99s.join(', ')} |`;
  };
  const ratio = (column: 'p50' | 'p99') =>
    (middle(saturated, column) / middle(idle, column)).toFixed(2);
  return [
    '',
    '| | p50 | p99 | slowest | sent late, p99 | logins a second | p99 of the rounds |',
    '|---|---|---|---|---|---|---|',
    row('idle', idle),
    row('while logins fill the hash queue', saturated),
    `| ratio | ${ratio('p50')} | ${ratio('p99')} | | | | |`,
    '',
  ];
}
