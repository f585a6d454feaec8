import type { Clock } from '../clock.ts';
import { closeDatabase, openDatabase, type Db } from '../store/database.ts';
import { deleteNode, readProof, type NodeState, type ProofRead } from '../store/nodes.ts';
import {
  forEachLiveRevocation,
  readOldestRunning,
  type LiveRevocation,
} from '../store/revocations.ts';

/** An attempt that hangs is given up, so that its connection is replaced. */
const ATTEMPT_TIMEOUT_MS = 2500;
/** The second is for the attempt after one that hangs. */
const CONNECTIONS = 2;

/** Where a node learns the truth. */
export interface ProofSource {
  /** Hands over every live revocation; gives the oldest transaction that may have been running before that. */
  load(handle: (batch: LiveRevocation[]) => void): Promise<string>;
  /** Every revocation of the transaction `since` and of later ones. */
  read(node: NodeState, since: string): Promise<ProofRead>;
  /** Forgets the node. */
  leave(nodeId: string): Promise<void>;
}

/** PostgreSQL, read on connections of the proof's own: no request that hangs holds it up. */
export function openProofSource(url: string, { db, clock }: { db: Db; clock: Clock }): ProofSource {
  const own = openDatabase(url, CONNECTIONS, ATTEMPT_TIMEOUT_MS);
  return {
    load: async (handle) => {
      const oldestRunning = await readOldestRunning(db);
      await forEachLiveRevocation(db, new Date(clock.now()), handle);
      return oldestRunning;
    },
    read: (node, since) => readProof(own, { node, since }),
    leave: async (nodeId) => {
      await deleteNode(own, nodeId).catch(() => undefined);
      await closeDatabase(own);
    },
  };
}
