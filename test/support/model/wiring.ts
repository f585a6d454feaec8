import type { Clock } from '../../../server/clock.ts';
import { Connections } from '../../../server/realtime/connections.ts';
import { Lease } from '../../../server/revocation/lease.ts';
import type { ModelPostgres } from './model-postgres.ts';

/** What a node of the model is made of; each seeded bug replaces one of these. */
export interface Wiring {
  Lease: typeof Lease;
  Connections: typeof Connections;
  /** From which transaction on a node reads next. */
  resumeFrom: (postgres: ModelPostgres) => string;
  /** A connection was found not to be revoked. */
  onChecked: (connections: Connections) => void;
}

export const AS_IT_IS: Wiring = {
  Lease,
  Connections,
  resumeFrom: (postgres) => postgres.xmin,
  onChecked: () => undefined,
};

class LateConnections extends Connections {
  readonly #waiting: Parameters<Connections['add']>[0][] = [];

  override add(connection: Parameters<Connections['add']>[0]): void {
    this.#waiting.push(connection);
  }

  addWaiting(): void {
    for (const connection of this.#waiting.splice(0)) super.add(connection);
  }
}

export const CHECK_THEN_REGISTER: Wiring = {
  ...AS_IT_IS,
  Connections: LateConnections,
  onChecked: (connections) => {
    if (connections instanceof LateConnections) connections.addWaiting();
  },
};

export const RESUME_FROM_HIGHEST_SEEN: Wiring = {
  ...AS_IT_IS,
  resumeFrom: (postgres) => postgres.highestSeen,
};

class LeaseFromAnswer extends Lease {
  readonly #clockOfNode: Clock;

  constructor(clock: Clock, lengthMs: number) {
    super(clock, lengthMs);
    this.#clockOfNode = clock;
  }

  override prove(): void {
    super.prove(this.#clockOfNode.steady());
  }
}

export const PROVE_FROM_ANSWER: Wiring = { ...AS_IT_IS, Lease: LeaseFromAnswer };
