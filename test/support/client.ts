import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createClient,
  type ClientOptions,
  type Live,
  type Medallion,
  type SeenFrame,
  type StateChange,
  type TokenStorage,
} from '../../client/src/medallion.ts';
import type { Timing } from '../../client/src/timing.ts';
import { register, type Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import { eventually } from './eventually.ts';
import { lastCode, newPhoneNumber } from './phone.ts';
import { atEnd } from './teardown.ts';

interface Timer {
  dueAt: number;
  run: () => void;
}

/** A client's time, which runs with the real one and can be set forward; and its luck, which can be chosen. */
export class ClientTiming implements Timing {
  readonly #timers = new Set<Timer>();
  #offsetMs = 0;
  /** What `random` gives: 0 leaves no wait before a retry. */
  luck = 0;
  /** How long each timer was to wait. */
  readonly waitsMs: number[] = [];

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  steady(): number {
    return performance.now() + this.#offsetMs;
  }

  random(): number {
    return this.luck;
  }

  after(delayMs: number, task: () => void): () => void {
    this.waitsMs.push(delayMs);
    const cancel = () => {
      this.#timers.delete(timer);
      clearTimeout(real);
    };
    const run = () => {
      cancel();
      task();
    };
    const timer = { dueAt: this.steady() + delayMs, run };
    const real = setTimeout(run, delayMs);
    this.#timers.add(timer);
    return cancel;
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
    const due = [...this.#timers].filter(({ dueAt }) => dueAt <= this.steady());
    for (const timer of due) if (this.#timers.has(timer)) timer.run();
  }
}

export interface TestClient {
  client: Medallion;
  timing: ClientTiming;
}

/** A client of a node, stopped after the file. */
export async function openClient(
  { url }: { url: string },
  options: ClientOptions = {},
): Promise<TestClient> {
  const timing = new ClientTiming();
  const client = await createClient({ url, timing, ...options });
  atEnd(() => {
    client.close();
  });
  return { client, timing };
}

/** Signs a client in with a one-time code. */
export async function enterByPhone(
  app: TestApp,
  client: Medallion,
  {
    phoneNumber = newPhoneNumber(),
    role,
  }: { phoneNumber?: string; role?: 'rider' | 'driver' } = {},
): Promise<string> {
  await client.sendCode(phoneNumber);
  const code = lastCode(app, phoneNumber);
  const { status } = await client.signInWithCode({ phoneNumber, code, ...(role && { role }) });
  assert.equal(status, 'signed_in');
  return phoneNumber;
}

/** Signs a client in with a password, to a new account unless one is given. */
export async function enterByPassword(
  app: TestApp,
  client: Medallion,
  account?: Account,
): Promise<Account> {
  const { email, username, password } = account ?? (await register(app));
  const { status } = await client.signInWithPassword({ email, password });
  assert.equal(status, 'signed_in');
  return { email, username, password };
}

/** What a node is asked from now on: `POST /api/auth/refresh`. */
export function recordRequests({ server }: Pick<TestApp, 'server'>): string[] {
  const requests: string[] = [];
  server.setMaxListeners(0);
  // Before the router changes the URL.
  server.prependListener('request', ({ method, url }: IncomingMessage, res: ServerResponse) => {
    const request = `${method ?? ''} ${url ?? ''}`;
    requests.push(request);
    // What a busy machine has no answer to in time is rightly asked again.
    res.once('finish', () => {
      if (res.statusCode === 503) requests.splice(requests.indexOf(request), 1);
    });
  });
  return requests;
}

export function countRefreshes(requests: string[]): number {
  return requests.filter((each) => each.endsWith('/refresh')).length;
}

export async function untilOpen(live: Live): Promise<void> {
  await eventually('the live socket is open', () => live.state === 'open');
}

/** Asserts that a call is refused by this code. */
export async function assertCode(call: Promise<unknown>, code: string): Promise<void> {
  await assert.rejects(call, (error: { code?: string }) => {
    assert.equal(error.code, code);
    return true;
  });
}

/** What a storage of a test holds, which answers at once. */
export function keptIn(storage: TokenStorage): string {
  const value = storage.get();
  return typeof value === 'string' ? value : '';
}

export function refreshTokenIn(storage: TokenStorage): string {
  const state = JSON.parse(keptIn(storage)) as { session: { refreshToken: string } };
  return state.session.refreshToken;
}

/** What `fetch` is asked for. */
export function urlOf(input: Parameters<typeof fetch>[0]): string {
  if (typeof input === 'string') return input;
  return input instanceof URL ? input.href : input.url;
}

export interface TestLive extends TestClient {
  live: Live;
  /** What it told since it was opened. */
  states: StateChange[];
  frames: SeenFrame[];
}

/** A client of `node` that signed in with a password, perhaps by way of another address, and its live socket. */
export async function openLive(node: TestApp, options: ClientOptions = {}): Promise<TestLive> {
  const opened = await openClient(node, options);
  await enterByPassword(node, opened.client);
  const live = opened.client.connect();
  const states: StateChange[] = [];
  const frames: SeenFrame[] = [];
  live.on('state', (change) => states.push(change));
  live.on('frame', (frame) => frames.push(frame));
  await untilOpen(live);
  return { ...opened, live, states, frames };
}
