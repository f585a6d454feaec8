import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { signUp, whoAmI } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { sessionOf } from './support/audit-scene.ts';
import { required } from './support/database.ts';
import { decodePart } from './support/jwt.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { connect } from './support/socket.ts';
import { signUpAs } from './support/staff.ts';
import { startProxy } from './support/tcp-proxy.ts';
import { atEnd } from './support/teardown.ts';

interface Answer {
  revocation_id: string;
  nodes: { node_id: string; sockets_closed: number; acknowledged_in_ms: number }[];
  pending_nodes: string[];
}

const redis = await startProxy(required('TEST_REDIS_URL'));
atEnd(() => {
  redis.restore();
});
const [one, two] = [await startApp(), await startApp()];
const lonely = await startApp({ env: { REDIS_URL: redis.url } });
const idOf = ({ context }: typeof one) => context.node.id;
const admin = await signUpAs(one, 'admin');

async function revoke(body: object): Promise<Answer> {
  const request = one.request.post('/api/admin/revocations').set(bearer(admin.access_token));
  return (await request.send({ reason: 'lost phone', ...body }).expect(200)).body as Answer;
}

/** Sockets that each node has closed. */
function closedBy({ nodes }: Answer): Record<string, number> {
  return Object.fromEntries(nodes.map(({ node_id, sockets_closed }) => [node_id, sockets_closed]));
}

describe('POST /revocations', () => {
  test('tells what each node has closed, and how fast', async () => {
    const tokens = await signUp(one);
    const sockets = await Promise.all(
      [one, two, two].map(({ url }) => connect(url, tokens.access_token)),
    );
    const answer = await revoke({ session_id: sessionOf(tokens), wait_ms: 5000 });
    assert.deepEqual(closedBy(answer), { [idOf(one)]: 1, [idOf(two)]: 2, [idOf(lonely)]: 0 });
    assert.deepEqual(answer.pending_nodes, []);
    for (const { acknowledged_in_ms } of answer.nodes) assert.ok(acknowledged_in_ms < 5000);
    for (const { closed } of sockets) assert.equal((await closed).code, 4500);
  });

  test('names the nodes that were not heard of, which act all the same', async () => {
    const tokens = await signUp(one);
    const socket = await connect(lonely.url, tokens.access_token);
    redis.cut();
    const answer = await revoke({ user_id: tokens.user.id, wait_ms: 300 });
    assert.deepEqual(answer.pending_nodes, [idOf(lonely)]);
    assert.deepEqual(closedBy(answer), { [idOf(one)]: 0, [idOf(two)]: 0 });
    assert.deepEqual(await socket.closed, { code: 4501, reason: 'admin' });
    redis.restore();
  });

  test('waits for nobody unless it is asked to, and ends nothing twice', async () => {
    const tokens: Tokens = await signUp(one);
    const target = { jti: String(decodePart(tokens.access_token, 'payload').jti) };
    const first = await revoke(target);
    assert.ok(first.nodes.some(({ node_id }) => node_id === idOf(one)));
    assert.equal((await whoAmI(one, tokens.access_token)).status, 401);
    await revoke({ user_id: tokens.user.id });
    const again = await revoke({ user_id: tokens.user.id, wait_ms: 5000 });
    assert.deepEqual([again.nodes, again.pending_nodes], [[], []]);
  });
});
