import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { checkSecretReport, type SecretReport } from '../scripts/secret-report.ts';
import { makeDirectory } from './support/processes.ts';

const DESCRIBED = { described: ['password', 'TOTP code'] };
const SEARCHED = { searched: { password: 2 }, leaks: 0, ms: 1500 };

/** The exit code for what test files told, and all that is printed. */
function check(
  t: TestContext,
  lines: SecretReport[],
  isFullRun = true,
): { exitCode: number; printed: string } {
  const path = join(makeDirectory(), 'secrets.ndjson');
  if (lines.length > 0)
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const printed: string[] = [];
  for (const method of ['log', 'error'] as const) {
    t.mock.method(console, method, (text: string) => printed.push(text));
  }
  return { exitCode: checkSecretReport(path, isFullRun), printed: printed.join('\n') };
}

test('a run in which every kind of secret was used passes, and says how many of each', (t) => {
  const more = { searched: { password: 1, 'TOTP code': 40 }, leaks: 0, ms: 500 };
  const { exitCode, printed } = check(t, [SEARCHED, DESCRIBED, more]);
  assert.equal(exitCode, 0);
  assert.match(
    printed,
    /0 found in 2 databases, searched in 2\.0 s for\n {2}TOTP code: 40\n {2}password: 3$/,
  );
});

test('a run in which a kind of secret was never used fails, and names it', (t) => {
  const { exitCode, printed } = check(t, [SEARCHED, DESCRIBED]);
  assert.equal(exitCode, 1);
  assert.match(printed, /^No test used a secret of the kind: TOTP code\.$/m);
});

test('a run that does not know which kinds there are fails', (t) => {
  assert.equal(check(t, [SEARCHED]).exitCode, 1);
  assert.equal(check(t, []).exitCode, 1);
});

test('a run of some files need not use every kind', (t) => {
  assert.equal(check(t, [SEARCHED, DESCRIBED], false).exitCode, 0);
});
