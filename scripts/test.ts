/**
 * Runs the tests, on a PostgreSQL and a Redis of their own, or those of TEST_DATABASE_URL and
 * TEST_REDIS_URL: `node scripts/test.ts [test files]`. Without files: all, and their coverage.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

import { checkSecretReport } from './secret-report.ts';
import { chooseFiles, runOnServices, secretReport } from './test-run.ts';

const LCOV = 'coverage/lcov.info';
const MINIMUM_COVERAGE = 90;
const FULLY_COVERED = ['jwt', 'eddsa-token', 'signing-key'].map(
  (name) => `server/crypto/${name}.ts`,
);
/** For one file: a test that waits for ever must not. */
const TIMEOUT_MS = 180_000;

const COVERAGE = [
  '--experimental-test-coverage',
  '--test-coverage-include=server/**',
  `--test-coverage-lines=${MINIMUM_COVERAGE}`,
  '--test-reporter=lcov',
  `--test-reporter-destination=${LCOV}`,
];

const named = process.argv.slice(2);

await runOnServices(async ({ services, runFiles }) => {
  const files = chooseFiles(named, { all: 'test/**/*.test.ts', except: ['test/browser/**'] });
  const isFullRun = named.length === 0;
  // One file more than processors: much of a test is waiting.
  const args = [`--test-concurrency=${availableParallelism() + 1}`];
  args.push(`--test-timeout=${TIMEOUT_MS}`);
  if (isFullRun) args.push(...COVERAGE);
  const exitCode = await runFiles(files, { args });
  const secretsExitCode = checkSecretReport(secretReport(services), isFullRun);
  if (exitCode !== 0 || !isFullRun) return exitCode;
  return Math.max(checkFullCoverage(), secretsExitCode);
});

/** What everything else rests on has no line that no test runs. */
function checkFullCoverage(): number {
  const records = readFileSync(LCOV, 'utf8').split('end_of_record');
  const isCovered = FULLY_COVERED.map((file) => {
    const record = records.find((candidate) => candidate.includes(`SF:${file}\n`)) ?? '';
    const uncovered = [...record.matchAll(/^DA:(\d+),0$/gm)].map((match) => match[1]);
    if (record && uncovered.length === 0) return true;
    const lines = uncovered.join(', ') || 'all';
    console.error(`${file} must be covered in full; lines that no test runs: ${lines}.`);
    return false;
  });
  return isCovered.every(Boolean) ? 0 : 1;
}
