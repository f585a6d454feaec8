/** Lints the description of the API by the rules of `redocly.yaml`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
/** The linter must tell nobody that it is run, and ask nobody for a newer one. */
const ALONE = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', CI: 'true' };

const directory = mkdtempSync(join(tmpdir(), 'medallion-openapi-'));
const file = join(directory, 'openapi.json');
try {
  process.exitCode =
    run(['scripts/describe-api.ts', file]) ||
    run(['node_modules/@redocly/cli/bin/cli.js', 'lint', file, '--format=stylish']);
} finally {
  rmSync(directory, { recursive: true });
}

function run(args: string[]): number {
  const env = { ...process.env, ...ALONE };
  return spawnSync(process.execPath, args, { cwd: ROOT, env, stdio: 'inherit' }).status ?? 1;
}
