/** Checks the direction of imports, and that dependency-cruiser has really seen every module. */
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { join } from 'node:path';

import type { ICruiseResult } from 'dependency-cruiser';

const ROOT = join(import.meta.dirname, '..');
const CONFIG = '.dependency-cruiser.cjs';

const files = globSync('{server,client/src}/**/*.ts', { cwd: ROOT });
const { modules, summary } = cruise();
const seen = new Set(modules.map(({ source }) => source));
const unseen = files.filter((file) => !seen.has(file));
const problems = summary.violations.map(
  ({ rule, from, to }) => `${rule.severity} ${rule.name}: ${from} → ${to}`,
);
// A cruiser that does not understand the language reports no violation either.
if (files.length === 0) problems.push('There are no modules in server/ and client/.');
if (unseen.length > 0) {
  problems.push(
    `dependency-cruiser did not see ${unseen.length} modules, ${unseen[0] ?? ''} first.`,
  );
}
if (!modules.some(({ dependencies }) => dependencies.length > 0)) {
  problems.push('dependency-cruiser did not see a single import.');
}

console.log(`${seen.size} modules, ${summary.totalDependenciesCruised ?? 0} imports`);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;

function cruise(): ICruiseResult {
  const args = ['--config', CONFIG, '--output-type', 'json', 'server', 'client/src'];
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [join(ROOT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'), ...args],
    { cwd: ROOT, encoding: 'utf8', maxBuffer: 256 * 1024 * 1024 },
  );
  if (error) throw error;
  if (!stdout) throw new Error(`dependency-cruiser failed: ${stderr}`);
  return JSON.parse(stdout) as ICruiseResult;
}
