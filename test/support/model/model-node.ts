import { pino } from 'pino';
import type { Config } from '../../../server/config.ts';
import type { AppContext, TokenKeys } from '../../../server/context.ts';
import { createGateway } from '../../../server/realtime/gateway.ts';
import type { Connections } from '../../../server/realtime/connections.ts';
import { defineMessage } from '../../../server/realtime/messages.ts';
import { createMetrics } from '../../../server/metrics.ts';
import { Blacklist } from '../../../server/revocation/blacklist.ts';
import { Proof } from '../../../server/revocation/proof.ts';
import type { ProofSource } from '../../../server/revocation/proof-source.ts';
import { RevocationFeed } from '../../../server/revocation/revocation-feed.ts';
import { ModelStore, type ModelRedis } from './model-redis.ts';
import { PROBE_ANSWER, type ModelSocket } from './model-socket.ts';
import { ProcessClock, type Timeline } from './timeline.ts';
import type { Wiring } from './wiring.ts';

const log = pino({ level: 'silent' });
const metrics = createMetrics({ waiting: 0 }, { proofAgeMs: 0 });

export interface NodeParts {
  place: number;
  config: Config;
  keys: TokenKeys;
  timeline: Timeline;
  redis: ModelRedis;
  wiring: Wiring;
  openSource: (node: ModelNode) => ProofSource;
  /** A frame of a session was processed. */
  onServed: (sessionId: string) => void;
}

/** Every answer to the question whether a token was revoked may take its time. */
class UnhurriedBlacklist extends Blacklist {
  readonly #pause: () => Promise<void>;

  constructor(ctx: ConstructorParameters<typeof Blacklist>[0], pause: () => Promise<void>) {
    super(ctx);
    this.#pause = pause;
  }

  override async isRevoked(jti: string): Promise<boolean> {
    const answer = await super.isRevoked(jti);
    await this.#pause();
    return answer;
  }
}

let started = 0;

/** One process of the service: the real parts, on the model's clock, PostgreSQL and Redis. */
export class ModelNode {
  readonly id = `node-${++started}`;
  readonly clock: ProcessClock;
  readonly sockets: ModelSocket[] = [];
  isReady = false;
  /** The others that it was last told of by PostgreSQL. */
  peerIds: readonly string[] = [];
  readonly #parts: NodeParts;
  readonly #feed: RevocationFeed;
  readonly #proof: Proof;
  readonly #context: Pick<
    AppContext,
    'config' | 'clock' | 'log' | 'metrics' | 'ephemeral' | 'lease' | 'isDraining'
  >;
  #checkMs = 0;
  #upgrade: ReturnType<typeof createGateway> = () => undefined;

  constructor(parts: NodeParts) {
    const { place, config, timeline, redis, wiring } = parts;
    this.#parts = parts;
    this.clock = new ProcessClock(timeline);
    const lease = new wiring.Lease(this.clock, config.revocationLeaseSeconds * 1000);
    const ephemeral = new ModelStore(redis, { place, clock: this.clock });
    const { clock } = this;
    this.#context = { config, clock, log, metrics, ephemeral, lease, isDraining: () => false };
    this.#feed = new RevocationFeed(this.#context);
    this.#proof = new Proof(this.#context, {
      node: { id: this.id, startedAt: new Date(clock.now()), countSockets: () => 0 },
      feed: this.#feed,
      lease,
      source: parts.openSource(this),
    });
  }

  /** In the order of `app.ts`. */
  async start(): Promise<void> {
    await this.#proof.start();
    const { wiring, keys, onServed } = this.#parts;
    const context = { ...this.#context, ...keys, revocations: this.#feed };
    const connections: Connections = new wiring.Connections(context);
    this.#feed.onRevocation((revocation) => connections.revoke(revocation));
    // The store never tells that it is connected: PostgreSQL is not read for it.
    const blacklist = new UnhurriedBlacklist({ ...context, db: null as never }, async () => {
      const checkMs = this.#checkMs;
      if (checkMs > 0) await new Promise<void>((resolve) => this.clock.after(checkMs, resolve));
      wiring.onChecked(connections);
    });
    const probe = defineMessage({
      fields: {},
      handle: ({ principal }) => {
        onServed(principal.sessionId);
        return PROBE_ANSWER;
      },
    });
    const messages = new Map([['probe', probe]]);
    this.#upgrade = createGateway({
      ctx: { ...context, blacklist },
      connections,
      limits: { count: () => undefined },
      places: { take: () => Promise.resolve(true) },
      messages,
    });
    this.isReady = true;
  }

  /** @param checkMs How long the answer whether it is revoked is on its way. */
  connect(socket: ModelSocket, token: string, checkMs: number): void {
    this.sockets.push(socket);
    this.#checkMs = checkMs;
    this.#upgrade(socket.request(token), socket.transport, Buffer.alloc(0));
  }

  knows(sessionId: string): boolean {
    return !this.clock.isStopped && this.#feed.hasEnded(sessionId);
  }

  /** What follows on the commit. */
  push(sessionId: string): void {
    const revocation = { user_id: 1, session_ids: [sessionId], generations: {}, jtis: [] };
    this.#feed
      .publish({
        ...revocation,
        reason: 'admin',
        committed_at: new Date(this.clock.now()).toISOString(),
      })
      .catch(() => undefined);
  }

  crash(): void {
    this.isReady = false;
    this.clock.isStopped = true;
    for (const socket of this.sockets) socket.destroy();
  }
}
