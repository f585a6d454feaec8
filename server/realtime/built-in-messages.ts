import type { Connections } from './connections.ts';
import { locationMessage, nearbyMessage, type LocationContext } from './location-messages.ts';
import { defineMessage, type FrameHandler } from './messages.ts';
import { refreshMessage, type RefreshContext } from './refresh-message.ts';

/** The frames that clients may send, by type; a team's own module adds its own. */
export function createMessages(
  ctx: RefreshContext & LocationContext,
  connections: Connections,
): Map<string, FrameHandler> {
  return new Map([
    ['ping', defineMessage({ fields: {}, handle: () => ({ type: 'pong' }) })],
    ['refresh', refreshMessage(ctx, connections)],
    ['location', locationMessage(ctx)],
    ['nearby', nearbyMessage(ctx)],
  ]);
}
