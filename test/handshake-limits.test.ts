import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, test } from 'node:test';
import { HandshakeLimits } from '../server/realtime/handshake-limits.ts';
import { startApp } from './support/app.ts';
import { signIn } from './support/phone.ts';
import { shakeHands, type RawAnswer } from './support/raw-socket.ts';
import { assertRefused } from './support/refused-handshake.ts';
import { load, SECRETS } from './support/settings.ts';
import { TestClock } from './support/test-clock.ts';

const BUSY = { status: 503, code: 'node_busy' };
const LIMITED = { status: 429, code: 'rate_limited' };
const UNAUTHORIZED = { status: 401, code: 'invalid_token' };

async function startNode(env: Record<string, string>) {
  const clock = new TestClock();
  const node = await startApp({ clock, env });
  const { access_token } = await signIn(node);
  const knock = (headers: Record<string, string> = {}): Promise<RawAnswer> =>
    shakeHands(node.url, { headers: { Authorization: `Bearer ${access_token}`, ...headers } });
  return { clock, node, knock };
}

const retryAfter = ({ headers }: RawAnswer) => Number(headers['retry-after']);

describe('a node', () => {
  test('takes on so many handshakes at once, then as many as its tokens come back', async () => {
    const { clock, knock } = await startNode({ RATE_LIMIT_HANDSHAKES: '3/60' });
    for (let count = 0; count < 3; count += 1) assert.equal((await knock()).status, 101);
    await assertRefused(await knock(), BUSY);
    clock.advance(19_000);
    await assertRefused(await knock(), BUSY);
    clock.advance(1000);
    assert.equal((await knock()).status, 101);
    await assertRefused(await knock(), BUSY);
    clock.advance(600_000);
    for (let count = 0; count < 3; count += 1) assert.equal((await knock()).status, 101);
    await assertRefused(await knock(), BUSY);
  });

  test('refuses the others before it looks at their tokens', async () => {
    const { knock } = await startNode({ RATE_LIMIT_HANDSHAKES: '2/60' });
    const bad = { Authorization: 'Bearer x' };
    for (let count = 0; count < 2; count += 1) await assertRefused(await knock(bad), UNAUTHORIZED);
    await assertRefused(await knock(bad), BUSY);
    await assertRefused(await knock(), BUSY);
  });

  test('does not count what is no handshake of ours', async () => {
    const { node, knock } = await startNode({ RATE_LIMIT_HANDSHAKES: '1/60' });
    for (let count = 0; count < 3; count += 1) {
      const elsewhere = await shakeHands(node.url, { path: '/elsewhere' });
      await assertRefused(elsewhere, { status: 404, code: 'not_found' });
      const foreign = await knock({ Origin: 'https://foreign.example' });
      await assertRefused(foreign, { status: 403, code: 'origin_not_allowed' });
    }
    assert.equal((await knock()).status, 101);
  });

  test('has those that it refuses come back one by one', async () => {
    const { knock } = await startNode({ RATE_LIMIT_HANDSHAKES: '1/1' });
    await knock();
    const seconds = (await Promise.all(Array.from({ length: 60 }, () => knock()))).map(retryAfter);
    // The bucket may have let one in meanwhile.
    const told = seconds.filter((each) => !Number.isNaN(each));
    assert.ok(told.length >= 55 && Math.min(...told) >= 1 && Math.max(...told) <= 61);
    assert.ok(new Set(told).size > 15, `all come back after ${told.join(', ')}`);
  });
});

describe('an address', () => {
  test('that sends too many is refused with 429, and takes nothing from the others', async () => {
    const env = { TRUST_PROXY: '1', RATE_LIMIT_HANDSHAKES_PER_IP: '2/60' };
    const { clock, knock } = await startNode({ ...env, RATE_LIMIT_HANDSHAKES: '6/600' });
    const from = (address: string) => knock({ 'X-Forwarded-For': address });
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await from('192.0.2.1')).status, 101);
    }
    for (let count = 0; count < 5; count += 1) {
      const answer = await from('192.0.2.1');
      await assertRefused(answer, LIMITED);
      assert.equal(answer.headers['ratelimit-limit'], '2');
      assert.equal(answer.headers['ratelimit-remaining'], '0');
      assert.equal(answer.headers['ratelimit-reset'], answer.headers['retry-after']);
    }
    for (let count = 0; count < 2; count += 1) {
      assert.equal((await from('192.0.2.2')).status, 101);
    }
    clock.advance(30_000);
    assert.equal((await from('192.0.2.1')).status, 101);
    await assertRefused(await from('192.0.2.1'), LIMITED);
  });

  test('of IPv6 counts by its /64, and what a client writes in front counts for nothing', async () => {
    const { knock } = await startNode({ TRUST_PROXY: '1', RATE_LIMIT_HANDSHAKES_PER_IP: '2/60' });
    const from = (chain: string) => knock({ 'X-Forwarded-For': chain });
    assert.equal((await from('2001:db8:1:2::1')).status, 101);
    assert.equal((await from('198.51.100.7, 2001:db8:1:2:ffff::2')).status, 101);
    await assertRefused(await from('198.51.100.8, 2001:db8:1:2::3'), LIMITED);
    assert.equal((await from('2001:db8:1:3::1')).status, 101);
  });

  test('is that of the peer where no proxy is trusted, or none said a good one', async () => {
    for (const [env, address] of [
      [{}, '192.0.2.'],
      [{ TRUST_PROXY: '1' }, 'unknown'],
    ] as const) {
      const { knock } = await startNode({ ...env, RATE_LIMIT_HANDSHAKES_PER_IP: '2/60' });
      for (const n of [1, 2]) {
        assert.equal((await knock({ 'X-Forwarded-For': `${address}${n}` })).status, 101);
      }
      await assertRefused(await knock({ 'X-Forwarded-For': `${address}3` }), LIMITED);
    }
  });

  test('is forgotten when its bucket is full again, or too many others have come', () => {
    const clock = new TestClock();
    const { config } = load({
      ...SECRETS,
      JWT_SECRET_KEY: SECRETS.JWT_SECRET_KEY,
      TRUST_PROXY: '1',
      RATE_LIMIT_HANDSHAKES: '1000000/1',
      RATE_LIMIT_HANDSHAKES_PER_IP: '1/3600',
    });
    const limits = new HandshakeLimits({ config, clock });
    const count = (address: string) => {
      const request = { headers: { 'x-forwarded-for': address }, socket: {} };
      limits.count(request as unknown as IncomingMessage);
    };
    const addressOf = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    count('192.0.2.1');
    assert.throws(() => {
      count('192.0.2.1');
    }, LIMITED);
    for (let n = 0; n <= 100_000; n += 1) count(addressOf(n));
    count('192.0.2.1');
    assert.throws(() => {
      count(addressOf(100_000));
    }, LIMITED);
    clock.advance(3_600_000);
    count(addressOf(100_000));
  });
});
