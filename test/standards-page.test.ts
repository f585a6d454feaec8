import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const page = read('../docs/security/standards.md');

interface Line {
  id: string;
  score: number;
  text: string;
}

/** The cells of each row of the tables in a text, but for their heads. */
function rowsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = rows.map((row) =>
    row
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
  return cells.filter((row, at) => !isRule(row) && !isRule(cells[at + 1] ?? []));
}

function isRule(cells: string[]): boolean {
  return cells.length > 0 && cells.every((cell) => /^-+:?$/.test(cell));
}

const [summary = '', ...sections] = page.split('\n## ');
const standards = new Map(
  sections.map((section) => {
    const [title = ''] = section.split('\n', 1);
    const lines = rowsOf(section).map(([id = '', , score, text = '']): Line => ({
      id,
      score: Number(score),
      text,
    }));
    return [title, lines] as const;
  }),
);
const lines = [...standards.values()].flat();

interface Citation {
  file: string;
  /** The names of the suites around a test, then its own. */
  path: string[];
}

/** `file`: "suite › test" */
function citationsIn(text: string): Citation[] {
  return Array.from(
    text.matchAll(/`([\w-]+\.test\.ts)`: "([^"]+)"/g),
    ([, file = '', name = '']) => ({
      file,
      path: name.split(' › '),
    }),
  );
}

/** What is said beside the tests that are named. */
function reasonIn(text: string): string {
  return text.replaceAll(/`[\w-]+\.test\.ts`: "[^"]+"[;.]?/g, '').trim();
}

/** The names that a file gives to its suites and tests, as they are in its source: `describe a suite`, `test …`. */
function namesIn(file: string): Set<string> {
  if (!existsSync(new URL(file, import.meta.url))) return new Set();
  const calls = read(file).matchAll(/\b(test|describe)\(\s*(['"`])((?:(?!\2).)*)\2/g);
  return new Set(Array.from(calls, ([, call, , name]) => `${call} ${name}`));
}

function isThere({ file, path }: Citation): boolean {
  const names = namesIn(file);
  return path.every((name, at) =>
    names.has(`${at === path.length - 1 ? 'test' : 'describe'} ${name}`),
  );
}

function totalsOf(scored: Line[]): number[] {
  const having = (score: number) => scored.filter((line) => line.score === score).length;
  const points = scored.reduce((sum, { score }) => sum + score, 0);
  return [scored.length, having(2), having(1), having(0), points];
}

describe('the page on standards', () => {
  test('names tests that there are', () => {
    const cited = lines.flatMap(({ text }) => citationsIn(text));
    assert.ok(cited.length > 150);
    assert.deepEqual(
      cited.filter((citation) => !isThere(citation)),
      [],
    );
    const file = 'standards-page.test.ts';
    assert.ok(!isThere({ file, path: ['the page on standards', 'names no such test'] }));
    assert.ok(!isThere({ file: 'no-such.test.ts', path: ['names tests that there are'] }));
  });

  test('names a test for all that is done, and a reason for all that is not', () => {
    for (const { id, score, text } of lines) {
      assert.ok([0, 1, 2].includes(score), id);
      if (score === 2) assert.ok(citationsIn(text).length > 0, `${id} is shown by no test`);
      else assert.ok(reasonIn(text).length > 5, `${id} says not why`);
    }
  });

  test('has every line once', () => {
    const counts = [...standards.values()].map((each) => each.length);
    assert.deepEqual(counts, [36, 15, 7, 13, 42, 12, 10, 6, 14, 25]);
    assert.equal(new Set(lines.map(({ id }) => id)).size, 155 + 25);
  });

  test('adds up', () => {
    const numbersOf = (cells: string[]) =>
      cells.map((cell) => Number(cell.replace(/ of \d+$/, '')));
    const told = rowsOf(summary).map(([name = '', ...cells]) => {
      const title = /\[(.+)\]/.exec(name)?.[1] ?? name.replaceAll('*', '');
      return [title, numbersOf(cells)] as const;
    });
    const counted = [...standards].map(([title, each]) => [title, totalsOf(each)] as const);
    const all = counted.slice(0, -1).flatMap(([title]) => standards.get(title) ?? []);
    const expected = [...counted.slice(0, -1), ['All of them', totalsOf(all)], counted.at(-1)];
    assert.deepEqual(told, expected);
    for (const [, lineCount, maximum] of summary.matchAll(/^\|[^|]+\| (\d+) \|.* of (\d+) \|$/gm)) {
      assert.equal(Number(maximum), 2 * Number(lineCount));
    }
  });
});
