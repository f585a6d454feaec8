import assert from 'node:assert/strict';
import { WebSocket } from 'ws';
import {
  memoryStorage,
  type Close,
  type Live,
  type Medallion,
  type SignedOut,
  type TokenStorage,
  type WebSocketConstructor,
} from '../../client/src/medallion.ts';
import { register, type Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import {
  enterByPassword,
  openClient,
  refreshTokenIn,
  untilOpen,
  type ClientTiming,
} from './client.ts';

/** The sockets that clients made, to send what a client never would. */
export class OpenSocket extends WebSocket {
  static last: OpenSocket;

  constructor(url: string, protocols?: string[]) {
    super(url, protocols);
    OpenSocket.last = this;
  }
}

export interface Scene {
  node: TestApp;
  client: Medallion;
  live: Live;
  timing: ClientTiming;
  account: Account;
  token: string;
  userId: number;
  refreshToken: string;
}

/** What a client saw of one close. */
export interface Seen {
  closes: Close[];
  states: string[];
  ends: SignedOut[];
}

/** One way to be closed. */
export interface Case {
  name: string;
  cause: (scene: Scene) => Promise<unknown>;
  close: Pick<Close, 'code' | 'reason' | 'action'>;
  WebSocket?: WebSocketConstructor;
}

/** A client with an account and a live socket, and all that it sees from then on. */
export async function setStage(
  node: TestApp,
  { WebSocket = OpenSocket }: Pick<Case, 'WebSocket'>,
): Promise<{ scene: Scene; seen: Seen; storage: TokenStorage }> {
  const storage = memoryStorage();
  const { client, timing } = await openClient(node, { WebSocket, storage });
  const account = await register(node);
  await enterByPassword(node, client, account);
  const live = client.connect();
  const seen: Seen = { closes: [], states: [], ends: [] };
  live.on('close', (close) => seen.closes.push(close));
  live.on('state', ({ state }) => seen.states.push(state));
  client.on('signedOut', (end) => seen.ends.push(end));
  await untilOpen(live);
  seen.states.length = 0;
  const refreshToken = refreshTokenIn(storage);
  const token = client.session?.accessToken ?? '';
  const scene = {
    node,
    client,
    live,
    timing,
    account,
    token,
    userId: account.userId,
    refreshToken,
  };
  return { scene, seen, storage };
}

export function assertClosed({ closes }: Seen, { close }: Case): void {
  const [first] = closes;
  assert.ok(first);
  const { meaning, ...rest } = first;
  assert.deepEqual(rest, close);
  assert.match(meaning, /^[A-Z].*\.$/);
}
