import { defineMessage, type FrameHandler } from './messages.ts';

/** The frames that clients may send, by type; a team's own module adds its own. */
export function createMessages(): Map<string, FrameHandler> {
  return new Map([['ping', defineMessage({ fields: {}, handle: () => ({ type: 'pong' }) })]]);
}
