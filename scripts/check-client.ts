/** Packs the client as `npm publish` would, and checks what others would get: its shape, and that its types are found. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'node_modules/.bin');

const directory = mkdtempSync(join(tmpdir(), 'medallion-client-'));
try {
  run('npm', 'run', '--silent', 'build');
  const packed = run(
    'npm',
    'pack',
    './client',
    '--json',
    '--offline',
    '--pack-destination',
    directory,
  );
  const [{ filename, files }] = JSON.parse(packed) as [Packed];
  const tarball = join(directory, filename);
  run(join(BIN, 'publint'), tarball, '--strict');
  // `require` gets the same ES module, which Node 22 and later can load.
  run(join(BIN, 'attw'), tarball, '--profile', 'esm-only', '--no-emoji', '--no-definitely-typed');
  const stray = files.filter(
    ({ path }) => !/^(dist\/[\w-]+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(path),
  );
  if (stray.length > 0)
    throw new Error(`packed for no reason: ${stray.map(({ path }) => path).join(', ')}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}

interface Packed {
  filename: string;
  files: { path: string }[];
}

function run(command: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')}\n${stdout}${stderr}`);
  return stdout;
}
