import { Redis } from 'ioredis';
import { SCRIPTS, type ScriptCommands } from './redis-scripts.ts';

const SUBSCRIBER_SILENCE_MS = 5000;

const SHARED = {
  retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1000) * (0.5 + Math.random() / 2),
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  autoResendUnfulfilledCommands: false,
  connectTimeout: 2000,
  maxRetriesPerRequest: 0,
};

export type Client = Redis & ScriptCommands;

/** The connection for commands: what cannot be sent now is refused, not kept. */
export function openClient(url: string, keyPrefix: string): Client {
  return new Redis(url, {
    ...SHARED,
    keyPrefix,
    enableOfflineQueue: false,
    scripts: Object.fromEntries(
      Object.entries(SCRIPTS).map(([name, lua]) => [name, { lua, numberOfKeys: 1 }]),
    ),
  }) as Client;
}

/** The connection that hears. A subscriber does not notice a stalled one by itself: it pings, and silence ends it. */
export function openSubscriber(url: string): Redis {
  return new Redis(url, {
    ...SHARED,
    // We do it ourselves, to know from when on no message is missed.
    autoResubscribe: false,
    socketTimeout: SUBSCRIBER_SILENCE_MS,
  });
}
