import { z } from 'zod';
import type { Log } from '../log.ts';
import type { EphemeralStore } from './ephemeral-store.ts';

const CHANNEL = 'medallion:events';

const eventSchema = z.object({
  event_id: z.string(),
  sent_at: z.iso.datetime(),
  to: z.union([z.object({ user_id: z.int() }), z.object({ role: z.string() })]),
  event: z.string(),
  data: z.unknown(),
  /** Whether a slow client need not see all of this name, but the newest. */
  latest_only: z.boolean().default(false),
});

/** What the backend pushes to sockets: to all of a user's, or to all that act in a role. */
export type PushedEvent = z.infer<typeof eventSchema>;

/** Hands an event to the sockets of this node, and tells how many they were. */
type Deliver = (event: PushedEvent) => number;

/** Carries events to every node, in the order in which each node sent them. */
export class EventFeed {
  readonly #ephemeral: EphemeralStore;
  readonly #log: Log;

  constructor({ ephemeral, log }: { ephemeral: EphemeralStore; log: Log }) {
    this.#ephemeral = ephemeral;
    this.#log = log;
  }

  /** @param onDelivered Is told of each event that this node has handed over. */
  start(deliver: Deliver, onDelivered: (event: PushedEvent, sockets: number) => void): void {
    this.#ephemeral.subscribe(CHANNEL, {
      onMessage: (text) => {
        try {
          const event = eventSchema.parse(JSON.parse(text));
          onDelivered(event, deliver(event));
        } catch (error) {
          this.#log.error({ err: error }, 'an event could not be read');
        }
      },
      onSubscribed: () => undefined,
    });
  }

  /** Resolves when the store has taken the event for all nodes. @throws `service_unavailable` */
  publish(event: PushedEvent): Promise<void> {
    return this.#ephemeral.publish(CHANNEL, JSON.stringify(event));
  }
}
