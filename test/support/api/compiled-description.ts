import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import type { Compiled } from './compile-description.ts';

/** Whether a value fits; why not is in `errors`. */
export interface Validate {
  (value: unknown): boolean;
  errors?: { instancePath: string; message?: string; params?: object }[] | null;
}

export interface CompiledDescription extends Omit<Compiled, 'code'> {
  validators: Record<string, Validate>;
}

/** The test run's own directory: whatever file needs the description first has compiled it for all. */
const FILE = join(tmpdir(), 'medallion-api-check.json');

/** What the service says that it answers, ready to be compared with. */
export async function loadDescription(): Promise<CompiledDescription> {
  if (!existsSync(FILE)) await writeCompiled();
  const { code, ...tables } = JSON.parse(readFileSync(FILE, 'utf8')) as Compiled;
  const module = { exports: {} as Record<string, Validate> };
  const require = createRequire(import.meta.url);
  const run = compileFunction(code, ['module', 'exports', 'require']) as (
    ...args: unknown[]
  ) => void;
  run(module, module.exports, require);
  return { ...tables, validators: module.exports };
}

async function writeCompiled(): Promise<void> {
  // Only here: the compiler costs more to load than all that the tests of a file ask.
  const { compileDescription } = await import('./compile-description.ts');
  const draft = `${FILE}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(compileDescription()));
  renameSync(draft, FILE);
}
