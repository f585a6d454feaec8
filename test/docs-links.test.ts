import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...globSync('docs/**/*.md', { cwd: ROOT }),
];

const read = (page: string): string =>
  readFileSync(join(ROOT, page), 'utf8').replace(/^```[^]*?^```/gm, '');

/** As GitHub makes them of headings. */
function anchorsOf(page: string): Set<string> {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}

function linksOf(page: string): string[] {
  const links = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link);
  return links.filter((link) => !/^(https?|mailto):/.test(link));
}

/** What a link leads to, and null where that is nothing. */
function follow(page: string, link: string): string | null {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return null;
  return anchor === undefined || anchorsOf(target).has(anchor) ? target : null;
}

test('every link of the documentation leads somewhere', () => {
  const dead = PAGES.flatMap((page) =>
    linksOf(page)
      .filter((link) => follow(page, link) === null)
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(dead, []);
});

test('every page is at most two clicks from the README', () => {
  let reached = new Set(['README.md']);
  for (let click = 0; click < 2; click += 1) {
    const next = [...reached].flatMap((page) =>
      page.endsWith('.md') ? linksOf(page).flatMap((link) => follow(page, link) ?? []) : [],
    );
    reached = new Set([...reached, ...next]);
  }
  assert.deepEqual(
    PAGES.filter((page) => !reached.has(page)),
    [],
  );
});
