import { recordAudit, type Client } from '../audit.ts';
import { epochSeconds } from '../clock.ts';
import type { AppContext } from '../context.ts';
import { decodeToken, generateNonce } from '../crypto/jwt.ts';
import { AppError } from '../errors.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { inTransaction } from '../store/database.ts';
import { deviceOf } from '../store/device.ts';
import {
  findUsedRefreshToken,
  rotateRefreshToken,
  type AccountSessionState,
  type UsedRefreshToken,
} from '../store/refresh-tokens.ts';
import { issueAccountTokens, type IssuedTokens } from './issue-account-tokens.ts';

type RefreshContext = EndSessionsContext & Pick<AppContext, 'accountKeys'>;

interface RefreshInput {
  refreshToken: string;
  client: Client;
}

/**
 * Uses a refresh token, which works once, and gives its successor with a new access token. One that was used
 * before is theft (RFC 9700 §4.14.2), and ends the session with everything it held, unless the answer to its
 * first use was lost: `isLostReply`.
 * @throws `invalid_refresh_token`, `service_unavailable`
 */
export async function refreshAccountSession(
  ctx: RefreshContext,
  { refreshToken, client }: RefreshInput,
): Promise<IssuedTokens> {
  const issuedAt = epochSeconds(ctx.clock);
  const now = new Date(ctx.clock.now());
  const claims = decodeToken(ctx.accountKeys, refreshToken, {
    type: 'refresh',
    nowSeconds: issuedAt,
  });
  if (claims === null) throw new AppError('invalid_refresh_token');
  const session = await rotateRefreshToken(ctx.db, {
    jti: claims.jti,
    nonce: generateNonce(),
    device: deviceOf(client),
    issuedAt: new Date(issuedAt * 1000),
    expiresAt: new Date((issuedAt + ctx.config.accountRefreshSeconds) * 1000),
    sessionSeconds: ctx.config.accountSessionSeconds,
    now,
  });
  const state = session ?? (await judgeUsed(ctx, { jti: claims.jti, now, client }));
  return issueAccountTokens(ctx, state, issuedAt);
}

interface Presented {
  jti: string;
  /** When the request came in. */
  now: Date;
  client: Client;
}

async function judgeUsed(ctx: RefreshContext, presented: Presented): Promise<AccountSessionState> {
  const { jti, now, client } = presented;
  const used = await findUsedRefreshToken(ctx.db, { jti, now });
  if (used === null) throw new AppError('invalid_refresh_token');
  const { userId, sessionId } = used;
  if (isLostReply(ctx, used, presented)) {
    const event = { type: 'refresh_reply_repeated', at: now, userId, sessionId, client } as const;
    await inTransaction(ctx.db, (trx) => recordAudit(ctx, trx, event));
    return used;
  }
  await endSessions(ctx, {
    selection: { userId, only: [sessionId] },
    reason: 'token_reuse',
    event: 'token_reuse_detected',
    client,
  });
  throw new AppError('invalid_refresh_token');
}

/**
 * The device that used the token first asks again soon after, and nobody had used what it should have got when
 * it asked. It gets the same successor: whoever else holds that one is found out at its second use.
 */
function isLostReply(ctx: RefreshContext, used: UsedRefreshToken, presented: Presented): boolean {
  const { now, client } = presented;
  const ageMs = now.getTime() - used.usedAt.getTime();
  return (
    used.usedBy === deviceOf(client) &&
    ageMs <= ctx.config.refreshReuseLeewaySeconds * 1000 &&
    (used.successorUsedAt === null || used.successorUsedAt > now)
  );
}
