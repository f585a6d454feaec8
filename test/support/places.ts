import assert from 'node:assert/strict';
import type { TestApp } from './app.ts';
import { eventually } from './eventually.ts';
import { bearer } from './phone.ts';
import { shakeHands, type RawAnswer } from './raw-socket.ts';
import { assertRefused } from './refused-handshake.ts';

export interface Presence {
  user_id: number;
  is_online: boolean;
  sockets: number;
  nodes: { node_id: string; sockets: number }[];
}

/** What staff are told of a user, by any node. */
export async function readPresence(
  { request }: Pick<TestApp, 'request'>,
  { userId, staffToken }: { userId: number; staffToken: string },
): Promise<Presence> {
  const path = `/api/admin/realtime/users/${userId}`;
  const presence = (await request.get(path).set(bearer(staffToken)).expect(200)).body as Presence;
  const sum = presence.nodes.reduce((sockets, node) => sockets + node.sockets, 0);
  assert.deepEqual([presence.user_id, presence.sockets], [userId, sum]);
  assert.equal(presence.is_online, sum > 0);
  return presence;
}

/** Tries to open a socket. */
export function knock(url: string, token: string): Promise<RawAnswer> {
  return shakeHands(url, { headers: { Authorization: `Bearer ${token}` } });
}

export async function assertNoPlace(url: string, token: string): Promise<void> {
  await assertRefused(await knock(url, token), { status: 429, code: 'too_many_sockets' });
}

/** Asserts that, soon, exactly so many more sockets may be opened, and closes them. */
export async function assertPlaces(url: string, token: string, count: number): Promise<void> {
  const opened: RawAnswer[] = [];
  await eventually(`${count} more sockets may be opened`, async () => {
    const answer = await knock(url, token);
    if (answer.status === 101) opened.push(answer);
    return opened.length === count;
  });
  await assertNoPlace(url, token);
  for (const { peer } of opened) peer.socket.destroy();
}
