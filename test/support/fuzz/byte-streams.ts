import fc from 'fast-check';

/** Texts that are not UTF-8, or only just. */
const BROKEN_UTF8 = [
  'ff',
  'c080',
  'eda080',
  'f4908080',
  'e282',
  '22f09f98',
  'efbfbf',
  'efbbbf7b7d',
];
const CLOSE_CODES = [
  0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 1016, 2999, 3000, 4400, 4999, 5000, 65_535,
];

interface Piece {
  firstByte: number;
  isMasked: boolean;
  payload: Buffer;
  /** More than there is, for one. */
  length: number;
  mask: Buffer;
}

const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

/** Streams of frames, right and wrong in every part, and of bytes that are none. */
export function byteStreams(texts: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const text = texts.map((each) => Buffer.from(each));
  const payload = fc.oneof(
    { weight: 6, arbitrary: text },
    { weight: 2, arbitrary: bytes(200) },
    { weight: 2, arbitrary: fc.constantFrom(...BROKEN_UTF8).map((hex) => Buffer.from(hex, 'hex')) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(125, 126, 16_384, 16_385).map((size) => Buffer.alloc(size, '1')),
    },
  );
  const whole = (opcode: number, content: fc.Arbitrary<Buffer>) =>
    content.chain((each) => piece(fc.constant(0x80 | opcode), each)).map(encode);
  const unit = fc.oneof(
    { weight: 12, arbitrary: whole(1, text) },
    { weight: 3, arbitrary: whole(9, bytes(125)) },
    { weight: 2, arbitrary: whole(10, bytes(125)) },
    { weight: 6, arbitrary: payload.chain(fragments) },
    { weight: 1, arbitrary: whole(2, payload) },
    { weight: 1, arbitrary: whole(1, payload) },
    { weight: 1, arbitrary: whole(8, closePayload) },
    { weight: 2, arbitrary: payload.chain((each) => piece(fc.nat(255), each)).map(encode) },
    {
      weight: 1,
      arbitrary: payload.chain((each) => piece(fc.nat(255), each)).chain(wronglyEncoded),
    },
    { weight: 1, arbitrary: bytes(40) },
  );
  return fc.array(unit, { minLength: 1, maxLength: 12 }).map((units) => Buffer.concat(units));
}

const closePayload = fc
  .tuple(fc.constantFrom(...CLOSE_CODES), bytes(60), fc.nat(3))
  .map(([code, reason, cut]) => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(code);
    return Buffer.concat([head, reason]).subarray(0, cut === 0 ? 0 : cut === 1 ? 1 : undefined);
  });

function piece(firstByte: fc.Arbitrary<number>, payload: Buffer): fc.Arbitrary<Piece> {
  return fc.record({
    firstByte,
    isMasked: fc.constant(true),
    payload: fc.constant(payload),
    length: fc.constant(payload.length),
    mask: fc.uint8Array({ minLength: 4, maxLength: 4 }).map((array) => Buffer.from(array)),
  });
}

function wronglyEncoded(given: Piece): fc.Arbitrary<Buffer> {
  return fc
    .oneof(
      fc.constant<Piece>({ ...given, isMasked: false }),
      fc
        .constantFrom(126, 16_385, 2 ** 31, 2 ** 40, 2 ** 60)
        .map((length) => ({ ...given, length })),
    )
    .map(encode);
}

/** One message in several frames, with pings between them; sometimes its end, or its beginning, is missing. */
function fragments(payload: Buffer): fc.Arbitrary<Buffer> {
  const cuts = fc.array(fc.nat(payload.length), { minLength: 1, maxLength: 4 });
  return fc
    .tuple(cuts, fc.constantFrom(1, 1, 1, 2), fc.nat(9), bytes(4))
    .chain(([at, opcode, fault, ping]) => {
      const bounds = [0, ...at.sort((one, other) => one - other), payload.length];
      const parts = bounds.slice(1).map((end, index) => payload.subarray(bounds[index], end));
      const frames = parts.map((part, index) => {
        const isLast = index === parts.length - 1;
        return piece(fc.constant((isLast ? 0x80 : 0) | (index === 0 ? opcode : 0)), part).map(
          encode,
        );
      });
      if (fault === 0) frames.shift();
      if (fault === 1) frames.pop();
      if (fault > 6) frames.splice(1, 0, piece(fc.constant(0x89), ping).map(encode));
      return fc.tuple(...frames).map((each) => Buffer.concat(each));
    });
}

function encode({ firstByte, isMasked, payload, length, mask }: Piece): Buffer {
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = firstByte;
  head[1] = (isMasked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}
