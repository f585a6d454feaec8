import { z } from 'zod';
import type { AppContext } from '../context.ts';
import type { RevocationFeed } from './revocation-feed.ts';
import type { Node } from './proof.ts';

const CHANNEL = 'medallion:acknowledgements';

const messageSchema = z.object({
  revocation_id: z.string(),
  node_id: z.string(),
  sockets_closed: z.int(),
  committed_at: z.iso.datetime(),
});

type Message = z.infer<typeof messageSchema>;

/** That a node has acted on a revocation: nothing of it is served there any more. */
export interface Acknowledgement {
  nodeId: string;
  socketsClosed: number;
  /** Milliseconds from the commit until it was heard of here. */
  acknowledgedInMs: number;
}

/** What is heard of one revocation, from the moment it was asked for. */
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

/** Tells the other nodes what this one has acted on, and hears what they have, where somebody waits for it. */
export class Acknowledgements {
  readonly #ctx: Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;
  readonly #listeners = new Map<string, Listener>();

  constructor(ctx: Pick<AppContext, 'ephemeral' | 'clock' | 'log'>) {
    this.#ctx = ctx;
  }

  start(feed: RevocationFeed, node: Node): void {
    this.#ctx.ephemeral.subscribe(CHANNEL, {
      onMessage: (text) => {
        this.#receive(text);
      },
      onSubscribed: () => undefined,
    });
    feed.onActed(({ revocation_id, committed_at }, sockets_closed) => {
      if (revocation_id === undefined || committed_at === undefined) return;
      this.#tell({ revocation_id, node_id: node.id, sockets_closed, committed_at });
    });
  }

  /** Begins to listen; call it before the revocation is committed. */
  listen(revocationId: string): Hearing {
    const listener: Listener = { heard: new Map(), onHeard: () => undefined };
    this.#listeners.set(revocationId, listener);
    return {
      outcome: async (nodeIds, waitMs) => {
        await this.#untilHeard(listener, nodeIds, waitMs);
        const { heard } = listener;
        return {
          acknowledged: [...heard.values()],
          pending: nodeIds.filter((id) => !heard.has(id)),
        };
      },
      stop: () => this.#listeners.delete(revocationId),
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

  #tell(message: Message): void {
    this.#hear(message);
    this.#ctx.ephemeral.publish(CHANNEL, JSON.stringify(message)).catch(() => undefined);
  }

  #receive(text: string): void {
    try {
      this.#hear(messageSchema.parse(JSON.parse(text)));
    } catch (error) {
      this.#ctx.log.error({ err: error }, 'an acknowledgement could not be read');
    }
  }

  #hear({ revocation_id, node_id: nodeId, sockets_closed, committed_at }: Message): void {
    const listener = this.#listeners.get(revocation_id);
    if (listener === undefined || listener.heard.has(nodeId)) return;
    const acknowledgedInMs = Math.max(0, this.#ctx.clock.now() - Date.parse(committed_at));
    listener.heard.set(nodeId, { nodeId, socketsClosed: sockets_closed, acknowledgedInMs });
    listener.onHeard();
  }
}
