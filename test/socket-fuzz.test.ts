import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMessages } from '../server/realtime/built-in-messages.ts';
import { Connections } from '../server/realtime/connections.ts';
import { startApp } from './support/app.ts';
import { eventually } from './support/eventually.ts';
import { byteStreams } from './support/fuzz/byte-streams.ts';
import { expectedFor, keysOf, toKey } from './support/fuzz/expected-answer.ts';
import { frameTexts } from './support/fuzz/frame-texts.ts';
import { FuzzSocket } from './support/fuzz/fuzz-socket.ts';
import { startFuzzedNode } from './support/fuzz/fuzzed-node.ts';
import { judgeStream, pongKey, type Verdict } from './support/fuzz/stream-model.ts';
import { signIn } from './support/phone.ts';
import { closeCodeOf, decodeFrames, encodeFrame, openRawSocket } from './support/raw-socket.ts';
import type { Frame } from './support/socket.ts';

const FRAMES = Number(process.env.TEST_FRAMES ?? 10_000);
const BATCH = 250;
/** The same frames each time; another seed is given as TEST_SEED. A failure names seed and path. */
const seed = Number(process.env.TEST_SEED ?? 20_260_801);
/** What the heap may have grown by, whatever the number of frames. */
const HEAP_ALLOWANCE_BYTES = 4 * 1024 * 1024;

const app = await startApp();
/** The running node's table, made anew. */
const types = createMessages(app.context, new Connections(app.context));
const node = await startFuzzedNode();
const rider = await signIn(app);
const driver = await signIn(app, { role: 'driver' });
/** Where it stands in a text, that is sent with the socket's own token: any other might rightly end it. */
const OWN_TOKEN = 'own-token';
const texts = frameTexts(types, [OWN_TOKEN, 'a.b.c']);

/** Sends texts at once, and tells what is wrong about the answers: each has one, whatever order they come in. */
async function findFaults(socket: FuzzSocket, sent: string[]): Promise<string[]> {
  const missing = new Map<string, string[]>();
  for (const text of sent) {
    const expected = expectedFor(types, text);
    assert.ok('kind' in expected);
    const key = toKey(expected.kind, expected.ref);
    missing.set(key, [...(missing.get(key) ?? []), text]);
    socket.send(text);
  }
  await socket.until(sent.length);
  const unexpected: string[] = [];
  for (const frame of socket.frames.splice(0)) {
    const isExpected = keysOf(frame).some((key) => missing.get(key)?.pop() !== undefined);
    if (!isExpected) unexpected.push(JSON.stringify(frame));
  }
  return [
    ...[...missing.values()].flat().map((text) => `no right answer to ${text.slice(0, 300)}`),
    ...unexpected.map((answer) => `nobody asked for ${answer.slice(0, 300)}`),
  ];
}

async function closeCodeFor(token: string, text: string): Promise<number> {
  const socket = await FuzzSocket.open(node.url, token);
  socket.send(text);
  const code = await socket.closed;
  assert.deepEqual(socket.frames, []);
  return code;
}

/** What fast-check says of a failure would be all of the batch: what was wrong in it has been said already. */
async function check<Input>(
  property: fc.IAsyncProperty<[Input[]]>,
  numRuns: number,
): Promise<void> {
  const { failed, counterexamplePath, errorInstance } = await fc.check(property, {
    seed,
    numRuns,
    endOnFailure: true,
  });
  if (failed) {
    throw new Error(`seed ${seed}, path ${counterexamplePath ?? ''}`, { cause: errorInstance });
  }
}

test(`each of ${FRAMES} frames gets the one answer that it should, and nothing is kept of it`, async () => {
  const asRider = [await FuzzSocket.open(node.url, rider.access_token), rider] as const;
  const asDriver = [await FuzzSocket.open(node.url, driver.access_token), driver] as const;
  const kinds = new Map<string, number>();
  let sent = 0;
  let heapBefore = 0;
  const batch = fc.array(texts, { minLength: BATCH, maxLength: BATCH, size: 'max' });
  const property = fc.asyncProperty(batch, async (all) => {
    const [socket, { access_token }] = sent % (2 * BATCH) === 0 ? asRider : asDriver;
    const expected = all
      .map((text) => text.replaceAll(OWN_TOKEN, access_token))
      .map((text) => ({ text, is: expectedFor(types, text) }));
    for (const { is } of expected) {
      const kind = 'kind' in is ? is.kind : String(is.closes);
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const answered = expected.filter(({ is }) => 'kind' in is).map(({ text }) => text);
    assert.deepEqual(await findFaults(socket, answered), []);
    for (const { text, is } of expected) {
      if ('kind' in is) continue;
      const code = await closeCodeFor(access_token, text);
      assert.equal(code, is.closes, `${code} and not ${is.closes}: ${text.slice(0, 300)}`);
    }
    sent += all.length;
    if (heapBefore === 0 && sent >= FRAMES / 4) heapBefore = await node.heapBytes();
  });
  await check(property, FRAMES / BATCH);
  for (const [socket] of [asRider, asDriver]) {
    assert.deepEqual(await findFaults(socket, ['{"type":"ping","ref":"last"}']), []);
    socket.close();
    await socket.closed;
  }
  for (const kind of ['pong', 'handled', 'invalid_frame', 'unknown_type', '4400', '1009']) {
    assert.ok((kinds.get(kind) ?? 0) > FRAMES / 2000, `hardly any frame was ${kind}`);
  }
  await eventually('all sockets are gone', async () => (await node.openSockets()) === 0);
  const grownBytes = (await node.heapBytes()) - heapBefore;
  assert.ok(grownBytes < HEAP_ALLOWANCE_BYTES, `the heap grew by ${grownBytes} bytes`);
  node.assertWell();
});

const STREAMS = FRAMES / 20;
const STREAMS_AT_ONCE = 20;
const SENTINEL = Buffer.from('the last ping');

/** Sends a stream in a few pieces, and tells what is wrong about what came of it. */
async function findStreamFault(stream: Buffer): Promise<string | null> {
  const { answers, close, isAtBoundary } = judgeStream(types, stream);
  const peer = await openRawSocket(node.url, rider.access_token);
  const middle = Math.floor(stream.length / 2);
  peer.socket.write(stream.subarray(0, middle));
  await new Promise((resolve) => setImmediate(resolve));
  peer.socket.write(stream.subarray(middle));
  if (isAtBoundary) {
    peer.socket.write(encodeFrame('ping', SENTINEL));
    answers.push(pongKey(SENTINEL));
  }
  const isDone = (bytes: Buffer) => {
    const frames = framesIn(bytes);
    if (close === null) return frames.length >= answers.length;
    return frames.some(({ opcode }) => opcode === 'close');
  };
  const frames = framesIn(await peer.until(isDone));
  peer.socket.destroy();
  return faultOf({ answers, close }, frames);
}

/** All but the heartbeat. */
function framesIn(bytes: Buffer): ReturnType<typeof decodeFrames> {
  return decodeFrames(bytes).filter(({ opcode }) => opcode !== 'ping');
}

function faultOf(
  { answers, close }: Pick<Verdict, 'answers' | 'close'>,
  frames: ReturnType<typeof decodeFrames>,
): string | null {
  const opcodes = frames.map(({ opcode }) => opcode);
  const isClosing = opcodes.includes('close');
  if (isClosing && opcodes.at(-1) !== 'close') return `went on after a close: ${opcodes.join(' ')}`;
  const last = isClosing ? frames.pop() : undefined;
  const code = last === undefined ? null : last.payload.length < 2 ? 1005 : closeCodeOf(last);
  if (code !== close) return `closed with ${code ?? 'nothing'} and not ${close ?? 'at all'}`;
  const missing = [...answers];
  for (const { opcode, payload } of frames) {
    const keys = opcode === 'pong' ? [pongKey(payload)] : keysIn(payload);
    const found = keys.find((key) => missing.includes(key));
    if (found === undefined) return `nobody asked for ${keys.join(' or ')}`;
    missing.splice(missing.indexOf(found), 1);
  }
  // What was being answered when the socket had to be closed may be cut off.
  return close === null && missing.length > 0 ? `no answer: ${missing.join(', ')}` : null;
}

function keysIn(payload: Buffer): string[] {
  return keysOf(JSON.parse(payload.toString()) as Frame);
}

test(`each of ${STREAMS} streams of bytes is read as RFC 6455 says, and leaves no socket behind`, async () => {
  const outcomes = new Map<string, number>();
  const streams = fc.array(byteStreams(texts), {
    minLength: STREAMS_AT_ONCE,
    maxLength: STREAMS_AT_ONCE,
    size: 'max',
  });
  const property = fc.asyncProperty(streams, async (all) => {
    for (const stream of all) {
      const outcome = String(judgeStream(types, stream).close);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const faults = await Promise.all(
      all.map(async (stream) => {
        const fault = await findStreamFault(stream).catch((error: unknown) => String(error));
        return fault === null ? [] : [`${fault}: ${stream.toString('hex').slice(0, 2000)}`];
      }),
    );
    assert.deepEqual(faults.flat(), []);
  });
  await check(property, STREAMS / STREAMS_AT_ONCE);
  for (const outcome of ['null', '1002', '1005', '1007', '1009', '4400']) {
    assert.ok(
      (outcomes.get(outcome) ?? 0) > STREAMS / 200,
      `hardly any stream ended with ${outcome}`,
    );
  }
  await eventually('all sockets are gone', async () => (await node.openSockets()) === 0);
  node.assertWell();
});
