import { z } from 'zod';
import type { AppContext } from '../context.ts';
import { verifyAccessToken } from '../use-cases/authenticate-token.ts';
import type { Connections } from './connections.ts';
import { defineMessage, type FrameHandler } from './messages.ts';
import { expiryOf, SERVER_FRAMES, type FrameOf } from './server-frames.ts';

export type RefreshContext = Pick<
  AppContext,
  'clock' | 'phoneKeys' | 'accountKeys' | 'blacklist' | 'revocations'
>;

/** The socket lives on by a newer access token of its session. */
export function refreshMessage(ctx: RefreshContext, connections: Connections): FrameHandler {
  return defineMessage({
    summary: 'Live on by a newer access token of the same session',
    fields: {
      access_token: z
        .string()
        .meta({ examples: ['eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjo0Mn0.c2ln'] }),
    },
    answer: SERVER_FRAMES.refreshed,
    handle: async (connection, { access_token }) => {
      const principal = verifyAccessToken(ctx, access_token);
      if (principal.sessionId !== connection.principal.sessionId) {
        connection.close('foreign_token');
        return undefined;
      }
      const { jti } = principal;
      // Looked at once more: between the answer and this line something may have been learned.
      if ((await ctx.blacklist.isRevoked(jti)) || ctx.revocations.hasToken(jti)) {
        connection.close('session_revoked');
        return undefined;
      }
      connections.renew(connection, principal);
      const expires_at = expiryOf(connection);
      return { type: 'refreshed', expires_at } satisfies FrameOf<'refreshed'>;
    },
  });
}
