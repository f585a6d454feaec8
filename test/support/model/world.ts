import assert from 'node:assert/strict';
import type { Config } from '../../../server/config.ts';
import type { TokenKeys } from '../../../server/context.ts';
import { generateAccessToken } from '../../../server/crypto/phone-tokens.ts';
import { createKeysOfBothKinds } from '../../../server/crypto/token-keys.ts';
import { load, SECRETS } from '../settings.ts';
import { ModelNode } from './model-node.ts';
import { ModelPostgres } from './model-postgres.ts';
import { openModelSource, STATEMENT_TIMEOUT_MS } from './model-source.ts';
import { ModelRedis } from './model-redis.ts';
import { ModelSocket } from './model-socket.ts';
import { Network, type Delays, type Service } from './network.ts';
import { Timeline, type ProcessClock } from './timeline.ts';
import type { Wiring } from './wiring.ts';

export const LEASE_MS = 5000;
export const GRACE_MS = 10_000;
const START_AGAIN_MS = 1000;
const PROBE_EVERY_MS = 400;
const HANDSHAKE_MS = 1000;

const settings = load({
  ...SECRETS,
  NODE_ENV: 'test',
  DATABASE_URL: 'postgresql://none',
  REVOCATION_LEASE_SECONDS: String(LEASE_MS / 1000),
  REVOCATION_GRACE_SECONDS: String(GRACE_MS / 1000),
});
const config: Config = settings.config;
const keys: TokenKeys = await createKeysOfBothKinds(
  { issuer: 'http://model', audience: 'model' },
  settings.secrets.tokenSecrets,
);

/** When what happens in the transaction of a revocation, each after the one before. */
export interface Transaction {
  xidMs: number;
  commitMs: number;
  answerMs: number;
}

interface Revocation {
  committedAt: number;
  /** By node: the last moment when nobody that it could ask was able to tell. */
  untoldUntil: Map<string, number>;
}

/**
 * Nodes of the real parts, and a client on every socket that never stops asking. PostgreSQL and Redis are no mocks of what
 * a test expects of them: a model of the worst that the world outside may do.
 */
export class World {
  readonly timeline = new Timeline();
  readonly network: Network;
  readonly postgres = new ModelPostgres();
  readonly revocations = new Map<string, Revocation>();
  readonly #redis: ModelRedis;
  readonly #wiring: Wiring;
  readonly #nodes: ModelNode[];
  /** By place: until when PostgreSQL was cut off. */
  readonly #cutUntil = new Map<number, number>();
  /** The first frame that was served too late. */
  violation: string | null = null;
  /** The first socket of a living session that was not served, on a node that lives. */
  interruption: string | null = null;

  constructor(nodes: number, delays: Delays, wiring: Wiring) {
    this.network = new Network(this.timeline, delays);
    this.#redis = new ModelRedis(this.network);
    this.#wiring = wiring;
    this.#nodes = Array.from({ length: nodes }, (_none, place) => this.#start(place));
    this.#probeAll();
  }

  get size(): number {
    return this.#nodes.length;
  }

  async run(ms: number): Promise<void> {
    await this.timeline.run(this.timeline.now + ms);
  }

  end(): void {
    for (const node of this.#nodes) node.crash();
  }

  connect(place: number, sessionId: string, checkMs: number): void {
    const node = this.#node(place);
    if (!node.isReady) return;
    const socket = new ModelSocket(sessionId, this.timeline.now);
    node.connect(socket, tokenOf(sessionId, node.clock), checkMs);
  }

  /** An administrator ends a session: nothing is pushed of what is not known to be committed. */
  revoke(place: number, sessionId: string, { xidMs, commitMs, answerMs }: Transaction): void {
    const node = this.#node(place);
    const isOn = () => !node.clock.isStopped && !this.network.isCut('postgres', place);
    if (!isOn() || !node.isReady) return;
    this.timeline.after(xidMs, () => {
      const xid = this.postgres.takeXid();
      this.timeline.after(commitMs, () => {
        if (!isOn() || this.revocations.has(sessionId)) {
          this.postgres.rollBack(xid);
          return;
        }
        this.#commit(xid, sessionId);
        this.timeline.after(answerMs, () => {
          if (isOn()) this.#push(node, sessionId);
        });
      });
    });
  }

  cut(service: Service, places: readonly number[], forMs: number): void {
    this.#noteUntold();
    const heals = places.map((place) => this.network.cut(service, place));
    this.#noteUntold();
    this.timeline.after(forMs, () => {
      this.#noteUntold();
      for (const heal of heals) heal();
      if (service === 'redis') for (const place of places) this.#redis.reconnect(place);
      else for (const place of places) this.#cutUntil.set(place, this.timeline.now);
    });
  }

  crash(place: number, downMs: number): void {
    const node = this.#node(place);
    if (node.clock.isStopped) return;
    this.#noteUntold();
    node.crash();
    this.timeline.after(downMs, () => {
      this.#nodes[place] = this.#start(place);
    });
  }

  #node(place: number): ModelNode {
    const node = this.#nodes[place % this.#nodes.length];
    assert.ok(node);
    return node;
  }

  #start(place: number): ModelNode {
    const { network, postgres, timeline } = this;
    const wiring = this.#wiring;
    const node: ModelNode = new ModelNode({
      place,
      config,
      keys,
      timeline,
      redis: this.#redis,
      wiring,
      openSource: (opener) =>
        openModelSource(opener, { place, network, postgres, timeline, wiring }),
      onServed: (sessionId) => {
        this.#onServed(node, sessionId);
      },
    });
    node.start().catch(() => {
      if (node.clock.isStopped) return;
      node.crash();
      timeline.after(START_AGAIN_MS, () => {
        this.#nodes[place] = this.#start(place);
      });
    });
    return node;
  }

  #commit(xid: number, sessionId: string): void {
    const { now } = this.timeline;
    const at = this.#nodes[0]?.clock.now() ?? 0;
    this.postgres.commit(xid, {
      id: String(xid),
      userId: 1,
      sessionId,
      generation: null,
      jti: null,
      reason: 'admin',
      revocationId: null,
      revokedAt: new Date(at),
      expiresAt: new Date(at + 3_600_000),
    });
    this.revocations.set(sessionId, { committedAt: now, untoldUntil: new Map() });
  }

  #push(node: ModelNode, sessionId: string): void {
    this.#noteUntold();
    node.push(sessionId);
  }

  #probeAll(): void {
    for (const { id, sockets } of this.#living()) {
      for (const socket of sockets) {
        this.#expectService(id, socket);
        socket.probe();
      }
    }
    this.timeline.after(PROBE_EVERY_MS, () => {
      this.#probeAll();
    });
  }

  #expectService(nodeId: string, socket: ModelSocket): void {
    const { now } = this.timeline;
    const isNew = now < socket.startedAt + HANDSHAKE_MS;
    if (isNew || socket.isServed || this.revocations.has(socket.sessionId)) return;
    this.interruption ??= `${nodeId} does not serve ${socket.sessionId} at ${now} ms`;
  }

  /**
   * The exception of the claim: a node that cannot read from PostgreSQL, nor can any that it has heard of, none of which
   * has heard of the revocation.
   */
  #noteUntold(): void {
    for (const node of this.#living()) {
      const asked = this.#askedBy(node);
      if (asked?.every((each) => this.#isCutOff(each)) !== true) continue;
      for (const [sessionId, { untoldUntil }] of this.revocations) {
        if (asked.some((each) => each.knows(sessionId))) continue;
        untoldUntil.set(node.id, this.timeline.now);
      }
    }
  }

  /** Those who are asked in the end; null where one of them is dead, and will not answer. */
  #askedBy(node: ModelNode): ModelNode[] | null {
    const living = new Map(this.#living().map((each) => [each.id, each]));
    const asked = new Set([node]);
    for (const each of asked) {
      for (const id of each.peerIds) {
        const peer = living.get(id);
        if (peer === undefined) return null;
        asked.add(peer);
      }
    }
    return [...asked];
  }

  #living(): ModelNode[] {
    return this.#nodes.filter(({ clock }) => !clock.isStopped);
  }

  /** A statement that was sent during a cut hangs for longer than that. */
  #isCutOff(node: ModelNode): boolean {
    const place = this.#nodes.indexOf(node);
    const cutUntil = this.#cutUntil.get(place) ?? -Infinity;
    return (
      this.network.isCut('postgres', place) || this.timeline.now < cutUntil + STATEMENT_TIMEOUT_MS
    );
  }

  #onServed(node: ModelNode, sessionId: string): void {
    const revocation = this.revocations.get(sessionId);
    if (revocation === undefined) return;
    this.#noteUntold();
    const { now } = this.timeline;
    const { committedAt, untoldUntil } = revocation;
    const untold = Math.min(untoldUntil.get(node.id) ?? committedAt, committedAt + GRACE_MS);
    if (now < Math.max(untold, committedAt) + LEASE_MS) return;
    this.violation ??= `${node.id} serves ${sessionId} ${now - committedAt} ms after its end`;
  }
}

function tokenOf(sessionId: string, clock: ProcessClock): string {
  const seconds = Math.floor(clock.now() / 1000);
  const subject = {
    userId: 1,
    phoneNumber: '+14155550100',
    role: 'rider' as const,
    sessionId,
    generation: 1,
  };
  return generateAccessToken(keys.phoneKeys, subject, {
    issuedAt: seconds,
    expiresAt: seconds + 900,
  }).token;
}
