import fc from 'fast-check';
import { z } from 'zod';

/** Names that every object has, or that break out of one. */
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', ''];

/** Strings that someone somewhere takes for something else. */
const STRINGS = [
  ...NAMES,
  '\0',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b\ufeff',
  '\u2028\u2029',
  'é'.normalize('NFD'),
  '👩‍👩‍👧‍👦',
  'x'.repeat(128),
  'x'.repeat(129),
  '😀'.repeat(64),
  'null',
  '0',
  '[object Object]',
  "'; --",
];

/** As they stand in JSON, where some are more than a number can hold. */
const NUMBERS = [
  ...[
    '0',
    '-0',
    '1',
    '-1',
    '0.1',
    '1.0',
    '1e0',
    '90',
    '-90',
    '90.000001',
    '180',
    '-180',
    '180.000001',
    '360',
  ],
  ...['2147483647', '4294967296', '9007199254740991', '9007199254740993', '12345678901234567890'],
  ...['1e308', '1e309', '-1e999', '1e-400', '5e-324', '0.30000000000000004'],
];

const MAX_DEPTH = 7000;

export const anyString = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary' }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme' }) },
  { weight: 3, arbitrary: fc.constantFrom(...STRINGS) },
);

const stringText = anyString.map((text) => JSON.stringify(text));
const numberText = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 1, arbitrary: fc.integer().map(String) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }).map(String) },
);

const deepText = fc
  .tuple(fc.integer({ min: 2, max: MAX_DEPTH }), fc.boolean())
  .map(([depth, isArray]) =>
    isArray
      ? '['.repeat(depth) + ']'.repeat(depth)
      : '{"a":'.repeat(Math.ceil(depth / 6)) + '0' + '}'.repeat(Math.ceil(depth / 6)),
  );
const hugeText = fc.integer({ min: 1000, max: 17_000 }).map((length) => `"${'y'.repeat(length)}"`);

/** Any JSON, as its text: some of it deep, and some of it more than a frame may have. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: stringText },
  { weight: 8, arbitrary: numberText },
  { weight: 4, arbitrary: fc.constantFrom('true', 'false', 'null', '[]', '{}', '[null]', '[[]]') },
  { weight: 4, arbitrary: fc.json({ maxDepth: 3 }) },
  { weight: 1, arbitrary: deepText },
  { weight: 1, arbitrary: hugeText },
);

/** JSON that a schema lets through, or nearly: what JSON Schema cannot say is left to chance. */
export function textFor(schema: z.ZodType): fc.Arbitrary<string> {
  return fitting(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }));
}

type JsonSchema = z.core.JSONSchema.JSONSchema;

function fitting(schema: JsonSchema): fc.Arbitrary<string> {
  if (schema.enum !== undefined)
    return fc.constantFrom(...schema.enum).map((each) => JSON.stringify(each));
  if (schema.const !== undefined) return fc.constant(JSON.stringify(schema.const));
  const options = schema.anyOf ?? schema.oneOf ?? [];
  if (options.length > 0) return fc.oneof(...options.map((each) => fitting(each)));
  const { minimum: min = -1e9, maximum: max = 1e9 } = schema;
  if (schema.type === 'number') return fc.double({ min, max, noNaN: true }).map(String);
  if (schema.type === 'integer') {
    const range = { min: Math.ceil(Math.max(min, -1e9)), max: Math.floor(Math.min(max, 1e9)) };
    return fc.integer(range).map(String);
  }
  if (schema.type === 'boolean') return fc.constantFrom('true', 'false');
  return schema.type === 'string' ? stringText : anyText;
}

export interface Entry {
  name: string;
  text: string;
}

/** The text of an object: names may come twice, and there may be space between. */
export function objectText(entries: Entry[], space: string): string {
  const members = entries.map(({ name, text }) => `${JSON.stringify(name)}${space}:${text}`);
  return `{${space}${members.join(`${space},`)}${space}}`;
}

export const anyName = fc.oneof(fc.constantFrom(...NAMES, 'type', 'ref'), anyString);
