import type { Connections } from './connections.ts';
import { locationMessage, nearbyMessage, type LocationContext } from './location-messages.ts';
import { defineMessage, type FrameHandler } from './messages.ts';
import { refreshMessage, type RefreshContext } from './refresh-message.ts';
import { SERVER_FRAMES } from './server-frames.ts';

const pingMessage = defineMessage({
  summary: 'For clients that cannot see the pings of the protocol',
  fields: {},
  answer: SERVER_FRAMES.pong,
  handle: () => ({ type: 'pong' }),
});

/** The frames that clients may send, by type; a team's own module adds its own. */
export function createMessages(
  ctx: RefreshContext & LocationContext,
  connections: Connections,
): Map<string, FrameHandler> {
  return new Map([
    ['ping', pingMessage],
    ['refresh', refreshMessage(ctx, connections)],
    ['location', locationMessage(ctx)],
    ['nearby', nearbyMessage(ctx)],
  ]);
}
