import fc from 'fast-check';
import type { z } from 'zod';
import type { MessageTypes } from '../../../server/realtime/messages.ts';
import { anyName, anyString, anyText, objectText, textFor, type Entry } from './json-text.ts';

/** Space that JSON allows; other space is not JSON. */
const SPACES = ['', '', '', ' ', '\n\t '];

const goodRef = fc.oneof(
  anyString.filter(({ length }) => length <= 128).map((text) => JSON.stringify(text)),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
);

const refEntry: fc.Arbitrary<Entry[]> = fc
  .oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 6, arbitrary: goodRef },
    { weight: 2, arbitrary: anyText },
  )
  .map((text): Entry[] => (text === null ? [] : [{ name: 'ref', text }]));

const extraEntries: fc.Arbitrary<Entry[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Entry[]>([]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.record({ name: anyName, text: anyText }), {
      minLength: 1,
      maxLength: 3,
    }),
  },
);

/** Texts for every type of the table, whatever its fields are, and for all that is beside them. */
export function frameTexts(types: MessageTypes, strings: string[]): fc.Arbitrary<string> {
  const known = [...types].map(([type, { fields }]) => knownFrame(type, fields, strings));
  const frame = fc.oneof(...known);
  return fc.oneof(
    { weight: 90, arbitrary: frame },
    { weight: 12, arbitrary: unknownFrame },
    { weight: 9, arbitrary: anyText },
    // Few: each costs a socket.
    { weight: 1, arbitrary: frame.chain(broken) },
  );
}

function knownFrame(type: string, fields: z.ZodRawShape, strings: string[]): fc.Arbitrary<string> {
  const own = Object.entries(fields).map(([name, schema]) =>
    fc
      .oneof(
        { weight: 6, arbitrary: textFor(schema as z.ZodType) },
        { weight: 2, arbitrary: fc.constantFrom(...strings).map((text) => JSON.stringify(text)) },
        { weight: 2, arbitrary: anyText },
        { weight: 1, arbitrary: fc.constant(null) },
      )
      .map((text): Entry[] => (text === null ? [] : [{ name, text }])),
  );
  const entries = fc.tuple(
    fc.constant<Entry[]>([{ name: 'type', text: JSON.stringify(type) }]),
    refEntry,
    extraEntries,
    ...own,
  );
  return assembled(entries.map((each) => each.flat()));
}

const unknownFrame = assembled(
  fc
    .tuple(
      fc.oneof(
        anyText,
        anyString.map((text) => JSON.stringify(text)),
        fc.constant(null),
      ),
      refEntry,
      extraEntries,
    )
    .map(([text, ...rest]) => [...(text === null ? [] : [{ name: 'type', text }]), ...rest.flat()]),
);

/** In any order: of two with one name the last counts. */
function assembled(entries: fc.Arbitrary<Entry[]>): fc.Arbitrary<string> {
  return fc.tuple(entries, fc.nat(), fc.constantFrom(...SPACES)).map(([each, turn, space]) => {
    const at = each.length === 0 ? 0 : turn % each.length;
    return objectText([...each.slice(at), ...each.slice(0, at)], space);
  });
}

/** What is no JSON any more, mostly. */
function broken(text: string): fc.Arbitrary<string> {
  return fc.oneof(
    fc.nat(text.length).map((end) => text.slice(0, end)),
    fc.constantFrom(`\ufeff${text}`, `${text}${text}`, `${text},`, text.replaceAll('"', "'")),
    fc.constantFrom('', ' ', 'NaN', 'undefined', '{type:"ping"}', '{"type":"ping"}\0', '\u00a0{}'),
    fc.string({ unit: 'binary' }),
  );
}
