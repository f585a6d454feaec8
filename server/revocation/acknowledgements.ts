import { z } from 'zod';
import type { AppContext } from '../context.ts';
import type { RevocationFeed } from './revocation-feed.ts';

const CHANNEL = 'medallion:acknowledgements';

const messageSchema = z.object({
  /** Of a revocation or of an event. */
  id: z.string(),
  node_id: z.string(),
  sockets: z.int(),
  /** When it was committed, or sent. */
  since: z.iso.datetime(),
});

type Message = z.infer<typeof messageSchema>;

/** That a node has acted: nothing of the revocation is served there any more, or all of its sockets have the event. */
export interface Acknowledgement {
  nodeId: string;
  /** How many sockets it closed, or reached. */
  sockets: number;
  /** Milliseconds from the commit, or the sending, until it was heard of here. */
  acknowledgedInMs: number;
}

/** What is heard of one revocation or event, from the moment it was asked for. */
export interface Hearing {
  /** Who has acted by the time that all of these nodes have, or this time is over. */
  outcome: (
    nodeIds: readonly string[],
    waitMs: number,
  ) => Promise<{ acknowledged: Acknowledgement[]; pending: string[] }>;
  stop: () => void;
}

interface Listener {
  heard: Map<string, Acknowledgement>;
  onHeard: () => void;
}

/** Tells the other nodes what this one has done, and hears what they have, where somebody waits for it. */
export class Acknowledgements {
  readonly #ctx: Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;
  readonly #nodeId: string;
  readonly #listeners = new Map<string, Listener>();

  constructor(ctx: Pick<AppContext, 'ephemeral' | 'clock' | 'log'>, nodeId: string) {
    this.#ctx = ctx;
    this.#nodeId = nodeId;
  }

  start(feed: RevocationFeed): void {
    this.#ctx.ephemeral.subscribe(CHANNEL, {
      onMessage: (text) => {
        this.#receive(text);
      },
      onSubscribed: () => undefined,
    });
    feed.onActed(({ revocation_id, committed_at }, sockets) => {
      if (revocation_id === undefined || committed_at === undefined) return;
      this.tell(revocation_id, { sockets, since: committed_at });
    });
  }

  /** Tells everybody, this node's own listeners first. */
  tell(id: string, done: Pick<Message, 'sockets' | 'since'>): void {
    const message = { id, node_id: this.#nodeId, ...done };
    this.#hear(message);
    this.#ctx.ephemeral.publish(CHANNEL, JSON.stringify(message)).catch(() => undefined);
  }

  /** Begins to listen; call it before the revocation is committed, or the event sent. */
  listen(id: string): Hearing {
    const listener: Listener = { heard: new Map(), onHeard: () => undefined };
    this.#listeners.set(id, listener);
    return {
      outcome: async (nodeIds, waitMs) => {
        await this.#untilHeard(listener, nodeIds, waitMs);
        const { heard } = listener;
        return {
          acknowledged: [...heard.values()],
          pending: nodeIds.filter((id) => !heard.has(id)),
        };
      },
      stop: () => this.#listeners.delete(id),
    };
  }

  async #untilHeard(listener: Listener, nodeIds: readonly string[], waitMs: number): Promise<void> {
    const isComplete = () => nodeIds.every((id) => listener.heard.has(id));
    if (waitMs === 0 || isComplete()) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#ctx.clock.after(waitMs, resolve);
      listener.onHeard = () => {
        if (!isComplete()) return;
        cancel();
        resolve();
      };
    });
  }

  #receive(text: string): void {
    try {
      this.#hear(messageSchema.parse(JSON.parse(text)));
    } catch (error) {
      this.#ctx.log.error({ err: error }, 'an acknowledgement could not be read');
    }
  }

  #hear({ id, node_id: nodeId, sockets, since }: Message): void {
    const listener = this.#listeners.get(id);
    if (listener === undefined || listener.heard.has(nodeId)) return;
    const acknowledgedInMs = Math.max(0, this.#ctx.clock.now() - Date.parse(since));
    listener.heard.set(nodeId, { nodeId, sockets, acknowledgedInMs });
    listener.onHeard();
  }
}
