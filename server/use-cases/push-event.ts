import { recordAudit, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { PushedEvent } from '../ephemeral/event-feed.ts';
import type { Acknowledgement } from '../revocation/acknowledgements.ts';
import { inTransaction } from '../store/database.ts';
import { listNodes } from '../store/nodes.ts';
import type { Staff } from './authorize-staff.ts';

/** Nodes answer in milliseconds; one that does not in this time is named. */
const PATIENCE_MS = 1000;

export type { PushedEvent };

type PushContext = Pick<
  AppContext,
  'db' | 'log' | 'clock' | 'node' | 'events' | 'acknowledgements'
>;

interface PushInput extends Pick<PushedEvent, 'to' | 'event' | 'data' | 'latest_only'> {
  staff: Staff;
  client: Client;
}

interface Pushed {
  eventId: string;
  delivered: Acknowledgement[];
  pendingNodeIds: string[];
}

/**
 * Pushes an event to the sockets of a user or of a role, on every node, and tells how many were reached.
 * @throws `service_unavailable`
 */
export async function pushEvent(ctx: PushContext, input: PushInput): Promise<Pushed> {
  const { to, event, data, latest_only, staff, client } = input;
  const eventId = generateOpaqueToken();
  const at = new Date(ctx.clock.now());
  const details = { event_id: eventId, event, to };
  await inTransaction(ctx.db, (trx) =>
    recordAudit(ctx, trx, {
      type: 'event_pushed',
      at,
      userId: 'user_id' in to ? to.user_id : null,
      actor: staff.actor,
      client,
      details,
    }),
  );
  const nodeIds = (await listNodes(ctx.db)).map(({ id }) => id);
  const hearing = ctx.acknowledgements.listen(eventId);
  try {
    const sent = { event_id: eventId, sent_at: at.toISOString() };
    await ctx.events.publish({ ...sent, to, event, data, latest_only });
    const expected = [...new Set([ctx.node.id, ...nodeIds])];
    const { acknowledged, pending } = await hearing.outcome(expected, PATIENCE_MS);
    return { eventId, delivered: acknowledged, pendingNodeIds: pending };
  } finally {
    hearing.stop();
  }
}
