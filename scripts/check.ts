/** Runs every `check:*` script of package.json; shows the output of those that fail. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const ROOT = join(import.meta.dirname, '..');
const AT_ONCE = 2;

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};
const waiting = Object.keys(scripts).filter((name) => name.startsWith('check:'));
if (waiting.length === 0) throw new Error('package.json has no check:* scripts.');

const results: boolean[] = [];
await Promise.all(Array.from({ length: AT_ONCE }, runWaiting));
process.exitCode = results.every(Boolean) ? 0 : 1;

async function runWaiting(): Promise<void> {
  for (let name = waiting.shift(); name; name = waiting.shift()) results.push(await run(name));
}

async function run(name: string): Promise<boolean> {
  const start = performance.now();
  const command = `npm run --silent ${name} 2>&1`;
  const child = spawn(command, { cwd: ROOT, shell: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = await text(child.stdout);
  const isOk = (await ended) === 0;

  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${isOk ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (!isOk) console.log(output);
  return isOk;
}
