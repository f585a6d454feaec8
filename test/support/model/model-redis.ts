import { MemoryStore } from '../../../server/ephemeral/memory.ts';
import type { Subscriber } from '../../../server/ephemeral/ephemeral-store.ts';
import { AppError } from '../../../server/errors.ts';
import type { Network } from './network.ts';
import type { ProcessClock } from './timeline.ts';

const COMMAND_TIMEOUT_MS = 250;

interface Place {
  place: number;
  clock: ProcessClock;
}

interface Subscription extends Place {
  channel: string;
  subscriber: Subscriber;
}

/** Redis as it may be: messages are late, out of order, or lost, with or without a sign. */
export class ModelRedis {
  readonly #network: Network;
  #subscriptions: Subscription[] = [];

  constructor(network: Network) {
    this.#network = network;
  }

  subscribe(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
  }

  publish(from: Place, channel: string, message: string): Promise<void> {
    return new Promise((resolve, reject) => {
      from.clock.after(COMMAND_TIMEOUT_MS, () => {
        reject(new AppError('service_unavailable'));
      });
      this.#network.send('redis', from.place, () => {
        resolve();
        this.#deliver(channel, message);
      });
    });
  }

  #deliver(channel: string, message: string): void {
    for (const { place, clock, subscriber } of this.#living(channel)) {
      this.#network.send('redis', place, () => {
        if (!clock.isStopped) subscriber.onMessage(message);
      });
    }
  }

  /** A process is connected anew: it knows that it may have missed something. */
  reconnect(place: number): void {
    for (const each of this.#living()) {
      if (each.place === place) each.subscriber.onSubscribed();
    }
  }

  #living(channel?: string): Subscription[] {
    this.#subscriptions = this.#subscriptions.filter(({ clock }) => !clock.isStopped);
    return this.#subscriptions.filter((each) => each.channel === (channel ?? each.channel));
  }
}

/** What one process has of it. */
export class ModelStore extends MemoryStore {
  readonly #redis: ModelRedis;
  readonly #place: Place;

  constructor(redis: ModelRedis, place: Place) {
    super(place.clock);
    this.#redis = redis;
    this.#place = place;
  }

  override publish(channel: string, message: string): Promise<void> {
    return this.#redis.publish(this.#place, channel, message);
  }

  override subscribe(channel: string, subscriber: Subscriber): void {
    this.#redis.subscribe({ ...this.#place, channel, subscriber });
  }

  /** The blacklist is never complete here: what a node knows by itself must be enough. */
  override onConnected(): void {
    // Nobody is told.
  }
}
