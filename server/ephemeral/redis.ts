import { EventEmitter, once } from 'node:events';
import type { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { EphemeralMaps } from './ephemeral-maps.ts';
import type {
  EphemeralStore,
  Found,
  Limiter,
  LimiterOptions,
  Placed,
  Subscriber,
  Taken,
} from './ephemeral-store.ts';
import { GatheredWrites } from './gathered-writes.ts';
import { createLimiter } from './limiter.ts';
import { createRedisMaps } from './redis-maps.ts';
import { openClient, openSubscriber, type Client } from './redis-connections.ts';
import { MAX_LATITUDE, type Circle, type Point } from './sphere.ts';
import { withTimeout } from './with-timeout.ts';

/** A request waits this long for Redis, once; after that Redis is left alone until it answers a probe. */
const COMMAND_TIMEOUT_MS = 250;
const PROBE_INTERVAL_MS = 250;
const SUBSCRIBER_PING_MS = 2000;

/** Replies of a server that cannot serve at the moment: a replica, one that loads, one that is full. */
const NOT_NOW =
  /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|BUSY|TRYAGAIN|OOM|MISCONF|NOREPLICAS|UNBLOCKED)/;

interface RedisStoreOptions {
  url: string;
  /** Before every key and every channel: pub/sub knows no database numbers. */
  keyPrefix: string;
  log: Log;
}

/** The ephemeral store that several nodes share. */
export class RedisStore implements EphemeralStore {
  readonly maps: EphemeralMaps;
  readonly #client: Client;
  readonly #subscriber: Redis;
  readonly #channels = new Map<string, Subscriber>();
  readonly #events = new EventEmitter();
  #isSubscribed = false;
  readonly #prefix: string;
  readonly #log: Log;
  readonly #writes: GatheredWrites;
  readonly #ping: NodeJS.Timeout;
  #isSuspect = false;
  #probe: NodeJS.Timeout | undefined;

  constructor({ url, keyPrefix, log }: RedisStoreOptions) {
    this.#prefix = keyPrefix;
    this.#log = log;
    this.#client = openClient(url, keyPrefix);
    this.#writes = new GatheredWrites(this.#client);
    this.maps = createRedisMaps({
      client: this.#client,
      guard: (command) => this.#guard(command),
    });
    this.#subscriber = openSubscriber(url);
    this.#ping = setInterval(() => {
      if (this.#subscriber.status === 'ready') this.#subscriber.ping().catch(() => undefined);
    }, SUBSCRIBER_PING_MS).unref();
    this.#watchConnections();
  }

  get(key: string): Promise<string | null> {
    return this.#guard(() => this.#client.get(key));
  }

  getEach(keys: readonly string[]): Promise<(string | null)[]> {
    return this.#guard(() => Promise.all(keys.map((key) => this.#client.get(key))));
  }

  async set(key: string, value: string, ttlMs: number): Promise<void> {
    await this.#guard(() => this.#client.set(key, value, 'PX', Math.ceil(ttlMs)));
  }

  async setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean> {
    const set = () => this.#client.set(key, value, 'PX', Math.ceil(ttlMs), 'NX');
    return (await this.#guard(set)) === 'OK';
  }

  async replace(key: string, value: string, ttlMs: number): Promise<Taken | null> {
    const [old, oldTtlMs] = await this.#guard(() =>
      this.#client.replaceValue(key, value, Math.ceil(ttlMs)),
    );
    return old === null ? null : { value: old, ttlMs: oldTtlMs };
  }

  async raise(key: string, value: number, ttlMs: number): Promise<void> {
    await this.#guard(() => this.#client.raiseNumber(key, value, Math.ceil(ttlMs)));
  }

  async delete(key: string): Promise<void> {
    await this.#guard(() => this.#client.del(key));
  }

  async takeIfEqual(key: string, expected: string): Promise<Taken | 'absent' | 'different'> {
    const [state, ttlMs] = await this.#guard(() => this.#client.takeIfEqual(key, expected));
    if (state === 0) return 'absent';
    return state === 1 ? 'different' : { value: expected, ttlMs };
  }

  async increment(key: string, { ttlMs, max }: { ttlMs: number; max: number }) {
    const count = await this.#guard(() => this.#client.incrementBelow(key, max, Math.ceil(ttlMs)));
    return count === -1 ? null : count;
  }

  async renew(key: string, ttlMs: number): Promise<void> {
    await this.#guard(() => this.#client.pexpire(key, Math.ceil(ttlMs)));
  }

  async decrement(key: string): Promise<void> {
    await this.#guard(() => this.#client.decrementAboveZero(key));
  }

  async ttlMs(key: string): Promise<number | null> {
    const left = await this.#guard(() => this.#client.pttl(key));
    return left < 0 ? null : left;
  }

  async see(
    key: string,
    members: readonly string[],
    { at, ttlMs }: { at: number; ttlMs: number },
  ): Promise<void> {
    const scored = members.flatMap((member) => [at, member]);
    await this.#guard(() =>
      Promise.all([
        this.#client.zadd(key, ...scored),
        this.#client.zremrangebyscore(key, '-inf', at - ttlMs),
        this.#client.pexpire(key, Math.ceil(ttlMs)),
      ]),
    );
  }

  countSeen(key: string, since: number): Promise<number> {
    return this.#guard(() => this.#client.zcount(key, `(${since}`, '+inf'));
  }

  async setLatest(key: string, value: { at: number }, ttlMs: number): Promise<void> {
    const text = JSON.stringify(value);
    await this.#guard(() => this.#client.setLatest(key, text, value.at, Math.ceil(ttlMs)));
  }

  async place(key: string, { member, point }: Placed, ttlMs: number): Promise<void> {
    await this.#guard(() =>
      Promise.all([
        this.#client.geoadd(key, ...lngLat(point), member),
        this.#client.pexpire(key, Math.ceil(ttlMs)),
      ]),
    );
  }

  async findWithin(key: string, { center, radiusM }: Circle, limit: number): Promise<Found[]> {
    const from = ['FROMLONLAT', ...lngLat(center)];
    const by = ['BYRADIUS', radiusM, 'm', 'ASC', 'COUNT', limit, 'WITHDIST'];
    const found = await this.#guard(() => this.#client.geosearch(key, ...from, ...by));
    return (found as [string, string][]).map(([member, metres]) => ({
      member,
      distanceM: Number(metres),
    }));
  }

  createLimiter(options: LimiterOptions): Limiter {
    return createLimiter(options, {
      createCounter: ({ name, points, seconds }) =>
        new RateLimiterRedis({
          storeClient: this.#client,
          keyPrefix: `rate:${name}`,
          points,
          duration: seconds,
        }),
      guard: (command) => this.#guard(command),
    });
  }

  async publish(channel: string, message: string): Promise<void> {
    const published = this.#guard(() => this.#client.publish(this.#prefix + channel, message));
    // A message to the other nodes does not wait for the turn of the event loop to end.
    this.#writes.flushNow();
    await published;
  }

  subscribe(channel: string, subscriber: Subscriber): void {
    this.#channels.set(this.#prefix + channel, subscriber);
    if (this.#subscriber.status === 'ready') this.#subscribeToAll();
  }

  onConnected(listener: () => void): void {
    this.#events.on('connected', listener);
    if (this.#client.status === 'ready') listener();
  }

  async waitUntilConnected(patienceMs: number): Promise<boolean> {
    const signal = AbortSignal.timeout(patienceMs);
    try {
      if (this.#client.status !== 'ready') await once(this.#client, 'ready', { signal });
      if (!this.#isSubscribed) await once(this.#events, 'subscribed', { signal });
      return true;
    } catch {
      return false;
    }
  }

  async ping(): Promise<void> {
    await this.#guard(() => this.#client.ping());
  }

  close(): Promise<void> {
    clearInterval(this.#ping);
    clearTimeout(this.#probe);
    this.#channels.clear();
    this.#client.disconnect();
    this.#subscriber.disconnect();
    return Promise.resolve();
  }

  #guard<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    if (this.#isSuspect) return Promise.reject(new AppError('service_unavailable'));
    this.#writes.begin();
    return withTimeout(command(), { timeoutMs: COMMAND_TIMEOUT_MS, toError: this.#judge });
  }

  readonly #judge = (error: Error): Error => {
    // Redis answered, and what it says of the command is a fault of ours.
    if (error.name === 'ReplyError' && !NOT_NOW.test(error.message)) return error;
    this.#suspect();
    return new AppError('service_unavailable', { cause: error });
  };

  /** After one failure nobody else waits: commands are refused at once until a probe is answered. */
  #suspect(): void {
    if (this.#isSuspect) return;
    this.#isSuspect = true;
    this.#log.warn('redis does not answer');
    this.#scheduleProbe();
  }

  #scheduleProbe(): void {
    this.#probe = setTimeout(() => {
      withTimeout(this.#client.ping(), { timeoutMs: COMMAND_TIMEOUT_MS }).then(
        () => {
          this.#isSuspect = false;
          this.#log.info('redis answers again');
          // Meanwhile it was not told what it should know.
          this.#events.emit('connected');
        },
        () => {
          if (this.#client.status !== 'end') this.#scheduleProbe();
        },
      );
    }, PROBE_INTERVAL_MS).unref();
  }

  #subscribeToAll(): void {
    if (this.#channels.size === 0) return;
    this.#subscriber.subscribe(...this.#channels.keys()).then(
      () => {
        this.#isSubscribed = true;
        this.#events.emit('subscribed');
        for (const { onSubscribed } of this.#channels.values()) onSubscribed();
      },
      (error: unknown) => {
        // The connection is gone again: the next one subscribes anew.
        this.#log.debug({ err: error }, 'not subscribed yet');
      },
    );
  }

  #watchConnections(): void {
    for (const connection of [this.#client, this.#subscriber]) {
      connection.on('error', (error: Error) => {
        this.#log.debug({ err: error }, 'redis connection failed');
      });
    }
    this.#client.on('ready', () => {
      // Under suspicion the probe is what tells.
      if (!this.#isSuspect) this.#events.emit('connected');
    });
    this.#subscriber.on('ready', () => {
      this.#subscribeToAll();
    });
    this.#subscriber.on('message', (channel: string, message: string) => {
      this.#channels.get(channel)?.onMessage(message);
    });
  }
}

/** What lies on the eastern or the northern edge of its map Redis files under no cell, and never finds again. */
function lngLat({ lat, lng }: Point): [number, number] {
  return [lng > 180 - 1e-9 ? -180 : lng, Math.min(lat, MAX_LATITUDE - 1e-8)];
}
