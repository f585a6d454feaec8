/**
 * Clicks through the console in the system's Chromium, on nodes, a PostgreSQL and a Redis of its own:
 * `npm run test:browser`, or `node scripts/test-browser.ts [test files]`. Screenshots are kept in artifacts/screenshots/.
 */
import { findChromium } from './chromium.ts';
import { checkSecretReport } from './secret-report.ts';
import { chooseFiles, runOnServices, secretReport } from './test-run.ts';

/** For one file: a page that never comes must not be waited for. */
const TIMEOUT_MS = 120_000;
const WHOLE_RUN_MS = 10 * 60_000;
/** A browser takes a processor. */
const AT_ONCE = 2;

const named = process.argv.slice(2);

setTimeout(() => {
  console.error('The browser tests take too long.');
  process.kill(process.pid, 'SIGTERM');
}, WHOLE_RUN_MS).unref();

await runOnServices(async ({ services, runFiles }) => {
  const files = chooseFiles(named, { all: 'test/browser/**/*.test.ts' });
  const chromium = findChromium(console.error);
  const exitCode = await runFiles(files, {
    args: [`--test-concurrency=${AT_ONCE}`, `--test-timeout=${TIMEOUT_MS}`],
    env: { CHROMIUM_PATH: chromium },
  });
  return Math.max(exitCode, checkSecretReport(secretReport(services), false));
});
