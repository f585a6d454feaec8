import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { installWithoutStarting } from './redis-server.ts';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * The Chromium of CHROMIUM_PATH or of the PATH; on Debian its package is installed where there is none and that is
 * allowed. Throws one sentence when there is none to be had.
 */
export function findChromium(log: (sentence: string) => void): string {
  const named = process.env.CHROMIUM_PATH ?? '';
  if (named !== '') {
    if (existsSync(named)) return named;
    throw new Error(`There is no program ${named}, which CHROMIUM_PATH names.`);
  }
  return findProgram() ?? installChromium(log);
}

function findProgram(): string | undefined {
  return PROGRAMS.map(pathOf).find((path) => path !== '');
}

/** Where the shell would find it: whoever starts it later takes a path and no name. */
function pathOf(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}

function installChromium(log: (sentence: string) => void): string {
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    log('There is no Chromium on this machine: installing the package chromium.');
    installWithoutStarting('chromium');
  }
  const program = findProgram();
  if (program !== undefined) return program;
  throw new Error(
    'No Chromium: install it (apt-get install chromium, brew install --cask chromium), or set CHROMIUM_PATH.',
  );
}
