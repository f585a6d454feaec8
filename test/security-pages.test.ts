import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { AUDIT_EVENTS } from '../server/audit.ts';
import { STEP_SECONDS } from '../server/crypto/totp.ts';
import { environmentSchema } from '../server/environment.ts';
import {
  LOCKOUT_SECONDS as SECOND_FACTOR_LOCKOUT_SECONDS,
  MAX_FAILURES as SECOND_FACTOR_FAILURES,
} from '../server/use-cases/check-second-factor.ts';
import {
  CODE_SECONDS,
  COOLDOWN_SECONDS,
  LOCKOUT_SECONDS,
  MAX_FAILURES,
} from '../server/use-cases/one-time-code.ts';
import { COOKIE_IDLE_MS, COOKIE_LIFE_MS } from '../server/use-cases/open-cookie-session.ts';
import { checkPasswordPolicy, CONTEXT_WORDS } from '../server/use-cases/password-policy.ts';
import { CHALLENGE_SECONDS } from '../server/use-cases/second-factor-challenge.ts';
import { startApp } from './support/app.ts';
import { signInRoutes, type ApiDescription } from './support/described-secrets.ts';
import { load, SECRETS } from './support/settings.ts';

const authentication = page('authentication');
const sessions = page('sessions');
const { config } = load(SECRETS);
const DEFAULTS = environmentSchema.parse(SECRETS);

/** What bounds how often something may be tried or done; the rest of the variables bound other things. */
const LIMIT = /LIMIT_|_LIMIT|ATTEMPTS|LOCKOUT/;
const FIXED: Record<string, number> = {
  'one-time code failures': MAX_FAILURES,
  'one-time code lockout': LOCKOUT_SECONDS / 60,
  'one-time code life': CODE_SECONDS / 60,
  'one-time code cooldown': COOLDOWN_SECONDS,
  'second factor failures': SECOND_FACTOR_FAILURES,
  'second factor lockout': SECOND_FACTOR_LOCKOUT_SECONDS / 60,
  'challenge life': CHALLENGE_SECONDS / 60,
  'TOTP step': STEP_SECONDS,
};

function page(name: string): string {
  return readFileSync(new URL(`../docs/security/${name}.md`, import.meta.url), 'utf8');
}

/** The text under a heading. */
function sectionOf(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  assert.ok(rest, `there is no heading "${heading}"`);
  return rest.split('\n## ')[0] ?? '';
}

/** The cells of each row of the first table in a text, but for its head. */
function rowsOf(text: string): string[][] {
  const table = /(^\|.*\n)+/m.exec(text)?.[0] ?? '';
  const [, , ...rows] = table.trim().split('\n');
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

function wordsIn(text: string): string[] {
  return Array.from(text.matchAll(/`([^`]+)`/g), ([, word = '']) => word);
}

/** As it is written in `.env`. */
function written(value: unknown): string {
  const { points, seconds } = value as { points?: number; seconds?: number };
  return points === undefined ? String(value) : `${points}/${seconds}`;
}

describe('the page on authentication', () => {
  test('lists every way to sign in that there is', async () => {
    const app = await startApp();
    const description = (await app.request.get('/openapi.json').expect(200)).body as ApiDescription;
    const listed = rowsOf(sectionOf(authentication, 'Ways to sign in')).map(([way = '']) =>
      way.replaceAll('`', '').replace('POST', 'post'),
    );
    assert.deepEqual(listed.sort(), signInRoutes(description).sort());
  });

  test('tells of every limit what the code has', () => {
    const told = rowsOf(sectionOf(authentication, 'Limits and lockouts')).map(
      ([, value = '', by = '']) => [wordsIn(by)[0] ?? '', value] as const,
    );
    const limits = Object.entries(DEFAULTS).filter(([name]) => LIMIT.test(name));
    const variables = limits.filter(([name]) => name !== 'SESSION_LIMIT_POLICY');
    const expected = [...variables, ...Object.entries(FIXED)];
    assert.ok(variables.length > 10);
    assert.deepEqual(
      Object.fromEntries(told),
      Object.fromEntries(expected.map(([name, value]) => [name, written(value)])),
    );
  });

  test('lists the words that no password may hold', () => {
    const section = sectionOf(authentication, 'What no password may hold');
    const [words = ''] = section.split(';');
    assert.deepEqual(wordsIn(words), [...CONTEXT_WORDS, 'PASSWORD_BARRED_WORDS']);
    for (const word of CONTEXT_WORDS) {
      const candidate = { password: `My 7th ${word} ride`, email: null, username: null };
      assert.equal(checkPasswordPolicy(config.passwordPolicy, candidate).length, 1);
    }
  });

  test('names the events that tell what was bound and when', () => {
    const rows = rowsOf(sectionOf(authentication, 'What was bound, and when'));
    const named = rows.flatMap(([, ...cells]) => cells.flatMap(wordsIn));
    assert.equal(rows.length, 5);
    for (const cells of rows) assert.ok(cells.slice(1).every((cell) => wordsIn(cell).length > 0));
    assert.deepEqual(
      named.filter((event) => !Object.hasOwn(AUDIT_EVENTS, event)),
      [],
    );
  });
});

describe('the page on sessions', () => {
  test('tells of every life what the code has', () => {
    const days = (seconds: number) => `${seconds / 86_400} days`;
    const access = (seconds: number) => `${seconds / 60} minutes`;
    const lives = rowsOf(sectionOf(sessions, 'How long they live')).map((row) => row.slice(1, 4));
    const phone = days(config.phoneRefreshSeconds);
    assert.deepEqual(lives, [
      [phone, phone, access(config.phoneAccessSeconds)],
      [
        days(config.accountRefreshSeconds),
        days(config.accountSessionSeconds),
        access(config.accountAccessSeconds),
      ],
      [`${COOKIE_IDLE_MS / 3_600_000} hours`, days(COOKIE_LIFE_MS / 1000), ''],
    ]);
  });

  test('names every limit on live sessions, and what one more does', () => {
    const section = sectionOf(sessions, 'How many there may be');
    const told = rowsOf(section).map(([name = '']) => wordsIn(name)[0]);
    const variables = Object.keys(environmentSchema.shape).filter((name) =>
      /^MAX_SE|^MAX_SO/.test(name),
    );
    assert.deepEqual(told.sort(), variables.sort());
    for (const name of ['MAX_SOCKETS_PER_USER', 'MAX_SOCKETS_PER_NODE'] as const) {
      assert.match(section, new RegExp(`\`${name}\`[^|]*\\|[^|]*\\(${DEFAULTS[name]}\\)`));
    }
    const policies = environmentSchema.shape.SESSION_LIMIT_POLICY.unwrap().options;
    const items = Array.from(section.matchAll(/^- `(\w+)`/gm), ([, policy]) => policy);
    assert.deepEqual(items.sort(), [...policies].sort());
    assert.match(section, new RegExp(`\`${DEFAULTS.SESSION_LIMIT_POLICY}\` \\(the default\\)`));
  });
});
