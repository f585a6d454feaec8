import { AppError } from '../../../server/errors.ts';
import type { ProofSource } from '../../../server/revocation/proof-source.ts';
import type { ModelNode } from './model-node.ts';
import type { ModelPostgres } from './model-postgres.ts';
import type { Network } from './network.ts';
import type { Timeline } from './timeline.ts';
import type { Wiring } from './wiring.ts';

/** As in `proof-source.ts`. */
export const STATEMENT_TIMEOUT_MS = 2500;

interface SourceParts {
  place: number;
  network: Network;
  postgres: ModelPostgres;
  timeline: Timeline;
  wiring: Wiring;
}

/** What `openProofSource` is in the product. */
export function openModelSource(node: ModelNode, parts: SourceParts): ProofSource {
  const { postgres, timeline, wiring } = parts;
  return {
    load: async (handle) => {
      const oldestRunning = await ask(node, parts, () => postgres.xmin);
      handle(await ask(node, parts, () => postgres.readAll()));
      return oldestRunning;
    },
    read: async ({ id }, since) => {
      const read = await ask(node, parts, () => ({
        ...postgres.read(id, since, timeline.now),
        readUpTo: wiring.resumeFrom(postgres),
      }));
      node.peerIds = read.peerIds;
      return read;
    },
    leave: () => Promise.resolve(),
  };
}

/** A statement on its way, its snapshot, and the answer on its way. */
function ask<Answer>(
  { clock }: ModelNode,
  { network, place }: SourceParts,
  read: () => Answer,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const cancel = clock.after(STATEMENT_TIMEOUT_MS, () => {
    reject(new AppError('service_unavailable'));
  });
  network.send('postgres', place, () => {
    const answer = read();
    network.send('postgres', place, () => {
      cancel();
      if (!clock.isStopped) resolve(answer);
    });
  });
  return promise;
}
