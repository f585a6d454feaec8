import assert from 'node:assert/strict';
import type { RawAnswer } from './raw-socket.ts';

const FIELDS = ['code', 'detail', 'request_id', 'status', 'title', 'type'];

/** Checks that a handshake was refused in HTTP with a whole problem document, and the connection ended. */
export async function assertRefused(
  { status, headers, body, peer }: RawAnswer,
  expected: { status: number; code: string; detail?: string },
): Promise<void> {
  assert.equal(status, expected.status, body);
  assert.equal(headers['content-type'], 'application/problem+json');
  const problem = JSON.parse(body) as Record<string, unknown>;
  assert.deepEqual(Object.keys(problem).sort(), FIELDS);
  const seen = { status: problem.status, code: problem.code, detail: problem.detail };
  assert.deepEqual(seen, { ...seen, ...expected });
  assert.equal(problem.type, `urn:medallion:error:${expected.code}`);
  assert.match(String(problem.request_id), /^[\w.-]{8,128}$/);
  assert.equal(headers['x-request-id'], problem.request_id);
  assert.equal(headers['sec-websocket-accept'], undefined);
  if (status === 401) assert.match(headers['www-authenticate'] ?? '', /^Bearer /);
  if (status === 429 || status === 503) assert.match(headers['retry-after'] ?? '', /^[1-9]\d*$/);
  await peer.closed;
  assert.equal(peer.received().length, 0, 'something came after the refusal');
}
