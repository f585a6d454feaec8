import type { ProofRead } from '../../../server/store/nodes.ts';
import type { LiveRevocation } from '../../../server/store/revocations.ts';

/** As in `readProof`. */
const NODE_SILENCE_MS = 15_000;

interface Committed {
  xid: number;
  row: LiveRevocation;
}

/** PostgreSQL as the proof knows it: numbers of transactions, snapshots, and the nodes' heartbeats. */
export class ModelPostgres {
  #nextXid = 1;
  readonly #running = new Set<number>();
  readonly #committed: Committed[] = [];
  readonly #seenAt = new Map<string, number>();

  takeXid(): number {
    const xid = this.#nextXid++;
    this.#running.add(xid);
    return xid;
  }

  commit(xid: number, row: LiveRevocation): void {
    this.#running.delete(xid);
    this.#committed.push({ xid, row });
  }

  rollBack(xid: number): void {
    this.#running.delete(xid);
  }

  get xmin(): string {
    return String(Math.min(this.#nextXid, ...this.#running));
  }

  get highestSeen(): string {
    return String(Math.max(0, ...this.#committed.map(({ xid }) => xid)));
  }

  readAll(): LiveRevocation[] {
    return this.#committed.map(({ row }) => row);
  }

  read(nodeId: string, since: string, now: number): ProofRead {
    this.#seenAt.set(nodeId, now);
    const peers = [...this.#seenAt].filter(
      ([id, at]) => id !== nodeId && at > now - NODE_SILENCE_MS,
    );
    return {
      revocations: this.#committed.filter(({ xid }) => xid >= Number(since)).map(({ row }) => row),
      readUpTo: this.xmin,
      peerIds: peers.map(([id]) => id),
    };
  }
}
