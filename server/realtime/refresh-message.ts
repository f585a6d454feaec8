import { z } from 'zod';
import type { AppContext } from '../context.ts';
import { verifyAccessToken } from '../use-cases/authenticate-token.ts';
import type { Connections } from './connections.ts';
import { defineMessage, type FrameHandler } from './messages.ts';
import { expiryOf } from './server-frames.ts';

export type RefreshContext = Pick<
  AppContext,
  'clock' | 'phoneKeys' | 'accountKeys' | 'blacklist' | 'revocations'
>;

/** The socket lives on by a newer access token of its session. */
export function refreshMessage(ctx: RefreshContext, connections: Connections): FrameHandler {
  return defineMessage({
    fields: { access_token: z.string() },
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
      return { type: 'refreshed', expires_at: expiryOf(connection) };
    },
  });
}
