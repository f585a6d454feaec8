import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import type { EphemeralStore } from '../../server/ephemeral/ephemeral-store.ts';
import { RedisStore } from '../../server/ephemeral/redis.ts';
import { required } from './database.ts';
import { atEnd } from './teardown.ts';

/** A key that no other test uses. */
export function newKey(): string {
  return `key:${randomBytes(6).toString('hex')}`;
}

/** The messages of a channel, as they come. */
export function hear(store: EphemeralStore, channel: string): string[] {
  const heard: string[] = [];
  store.subscribe(channel, {
    onMessage: (message) => heard.push(message),
    onSubscribed: () => undefined,
  });
  return heard;
}

/** A store on the tests' Redis, or on that of `url`, when it is connected. */
export async function openRedisStore(
  keyPrefix: string,
  url = required('TEST_REDIS_URL'),
): Promise<RedisStore> {
  const store = new RedisStore({ url, keyPrefix, log: pino({ level: 'silent' }) });
  atEnd(() => store.close());
  hear(store, 'any');
  assert.ok(await store.waitUntilConnected(5000));
  return store;
}
