import { Redis, type ChainableCommander } from 'ioredis';
import { Leaks, textsOf, type Leak, type Matcher } from './leaks.ts';

const KEYS_AT_ONCE = 1000;

/** Reads every key of Redis that begins so, and gives each kind of secret that is in a key's name or its value. */
export async function searchRedis(
  { url, prefix }: { url: string; prefix: string },
  matcher: Matcher,
): Promise<Leak[]> {
  const redis = new Redis(url);
  const found = new Leaks(matcher);
  try {
    for await (const batch of redis.scanStream({ match: `${prefix}*`, count: KEYS_AT_ONCE })) {
      const keys = batch as string[];
      const values = await readKeys(redis, keys);
      for (const [index, key] of keys.entries()) {
        const name = key.slice(prefix.length);
        const place = `Redis, key ${nameWithoutIds(name)}`;
        for (const text of [name, ...textsOf(values[index])]) found.look(place, text);
      }
    }
    return found.list();
  } finally {
    redis.disconnect();
  }
}

/** What the key is for: what follows in its name may be the secret itself. */
function nameWithoutIds(name: string): string {
  return /^[a-z-]{1,20}:/i.exec(name)?.[0] ?? '?';
}

const READ: Record<string, (pipeline: ChainableCommander, key: string) => unknown> = {
  string: (pipeline, key) => pipeline.get(key),
  hash: (pipeline, key) => pipeline.hgetall(key),
  list: (pipeline, key) => pipeline.lrange(key, 0, -1),
  set: (pipeline, key) => pipeline.smembers(key),
  zset: (pipeline, key) => pipeline.zrange(key, 0, '-1'),
  stream: (pipeline, key) => pipeline.xrange(key, '-', '+'),
};

async function readKeys(redis: Redis, keys: string[]): Promise<unknown[]> {
  const ask = redis.pipeline();
  for (const key of keys) ask.type(key);
  const types = (await ask.exec()) ?? [];
  const pipeline = redis.pipeline();
  // A key that has expired since has no type, and no value either.
  for (const [index, key] of keys.entries()) {
    (READ[String(types[index]?.[1])] ?? READ.string)?.(pipeline, key);
  }
  return ((await pipeline.exec()) ?? []).map(([, value]) => value);
}
