import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { getTokenExpirySeconds } from '../crypto/jwt.ts';
import { accessTokenLifeMs, type Revocation } from './revocation.ts';

export type PushContext = Pick<
  AppContext,
  'config' | 'clock' | 'log' | 'metrics' | 'ephemeral' | 'blacklist' | 'revocations'
>;

/** The token that asked: blacklisted by its own jti too. */
export interface AskingToken {
  jti: string;
  expiresAt: number;
}

interface Pushed {
  revocation: Revocation;
  /** Of the phone surface, that went with their sessions. */
  refreshJtis?: () => Promise<string[]>;
  token?: AskingToken | undefined;
}

/** Tells the ephemeral store and every node. The commit stands whatever happens here. */
export async function pushRevocation(
  ctx: PushContext,
  { revocation, refreshJtis, token }: Pushed,
): Promise<void> {
  const results = await Promise.allSettled([
    // First: who hears it needs none of the keys below, and every socket waits for it.
    ctx.revocations.publish({
      ...revocation,
      committed_at: new Date(ctx.clock.now()).toISOString(),
    }),
    ...ctx.blacklist.add(revocation, accessTokenLifeMs(ctx.config)),
    ...(refreshJtis === undefined ? [] : [forgetRefreshTokens(ctx, refreshJtis)]),
    ...(token === undefined ? [] : [blacklistToken(ctx, token)]),
  ]);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure === undefined) return;
  ctx.metrics.revocationPushFailures.inc();
  ctx.log.warn({ err: failure.reason as unknown }, 'a revocation could not be pushed');
}

async function forgetRefreshTokens(
  { ephemeral }: PushContext,
  list: () => Promise<string[]>,
): Promise<void> {
  await Promise.all((await list()).map((jti) => ephemeral.delete(refreshTokenKey(jti))));
}

function blacklistToken(ctx: PushContext, { jti, expiresAt }: AskingToken): Promise<void> {
  const secondsLeft = getTokenExpirySeconds({ exp: expiresAt }, epochSeconds(ctx.clock));
  return ctx.blacklist.addToken(jti, Math.max(1, secondsLeft) * 1000);
}

/** Where a live phone refresh token is noted. */
export function refreshTokenKey(jti: string): string {
  return `jwt:refresh:${jti}`;
}
