import { select, type Db } from './database.ts';
import { LIVE_REVOCATION_COLUMNS, type LiveRevocation } from './revocations.ts';

/** A node as its last proof told of it. */
export interface NodeState {
  id: string;
  startedAt: Date;
  sockets: number;
}

/** What a node knows after a proof. */
export interface ProofRead {
  revocations: LiveRevocation[];
  /** The oldest transaction that may still run: from here the next one reads on. */
  readUpTo: string;
  /** The other nodes that live. */
  peerIds: string[];
}

/** A node that was not heard of for so long is dead. */
const NODE_SILENCE = '15 seconds';

/**
 * Writes the node's heartbeat and reads every revocation of the transaction `since` and of later ones. A transaction
 * that takes its number early and commits late is not missed: until it ends, no snapshot's xmin passes it. As it
 * writes, neither a replica nor a primary that was deposed can answer.
 */
export async function readProof(
  db: Db,
  { node, since }: { node: NodeState; since: string },
): Promise<ProofRead> {
  const rows = await select<
    { readUpTo: string; peerIds: string[] } & (LiveRevocation | { id: null })
  >(
    db,
    `WITH beat AS (
       INSERT INTO nodes (id, started_at, seen_at, sockets)
       VALUES (:id, :startedAt, now(), :sockets)
       ON CONFLICT (id) DO UPDATE SET seen_at = now(), sockets = excluded.sockets
     )
     SELECT known."readUpTo", known."peerIds", ${LIVE_REVOCATION_COLUMNS}
     FROM (
       SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS "readUpTo",
              ARRAY(SELECT nodes.id FROM nodes
                    WHERE nodes.id <> :id AND seen_at > now() - interval '${NODE_SILENCE}'
                   ) AS "peerIds"
     ) AS known
     LEFT JOIN revocations ON xid >= CAST(:since AS xid8)`,
    { ...node, since },
  );
  const revocations = rows.filter((row) => row.id !== null);
  return { revocations, readUpTo: rows[0]?.readUpTo ?? since, peerIds: rows[0]?.peerIds ?? [] };
}

/** The nodes that live. */
export function listNodes(db: Db): Promise<NodeState[]> {
  return select<NodeState>(
    db,
    `SELECT id, started_at AS "startedAt", sockets FROM nodes
     WHERE seen_at > now() - interval '${NODE_SILENCE}' ORDER BY id`,
  );
}

/** Forgets a node that stops, and those that are long dead. */
export async function deleteNode(db: Db, id: string): Promise<void> {
  await select(db, `DELETE FROM nodes WHERE id = :id OR seen_at < now() - interval '1 hour'`, {
    id,
  });
}
