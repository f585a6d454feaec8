import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { ERRORS } from '../server/errors.ts';
import { CLOSE_CODES } from '../server/realtime/close-codes.ts';

const page = (name: string): string =>
  readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');

test('every error has its heading, and every heading its error with the right status', () => {
  const sections = [...page('errors.md').matchAll(/^## (\w+)\n\n(\d{3})\. /gm)];
  const documented: Record<string, number> = {};
  for (const [, code = '', status] of sections) documented[code] = Number(status);
  const actual = Object.fromEntries(
    Object.entries(ERRORS).map(([code, { status }]) => [code, status]),
  );
  assert.deepEqual(documented, actual);
});

test('every close code is listed with its reason', () => {
  for (const [reason, { code }] of Object.entries(CLOSE_CODES)) {
    assert.match(page('sockets.md'), new RegExp(`\\| ${code} +\\|[^|]*\`${reason}\``));
  }
});
