import { recordAudit, type Actor, type Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { resetPasswordMail } from '../messaging/recovery-mails.ts';
import { afterCommit, type Trx } from '../store/database.ts';
import { insertResetToken } from '../store/one-time-tokens.ts';
import { makeOneTimeToken, type OneTimeTokenContext } from './one-time-token.ts';

export type ResetContext = OneTimeTokenContext &
  Pick<AppContext, 'db' | 'clock' | 'config' | 'log' | 'mails'>;

interface ResetInput {
  email: string;
  /** Without it no mail is sent, and all else is the same. */
  isAllowed: boolean;
  client: Client;
  actor?: Actor;
}

/** Mails a link that sets a new password, after the commit, and tells whether there is anybody to mail it to. */
export async function issuePasswordReset(
  ctx: ResetContext,
  trx: Trx,
  { email, isAllowed, client, actor }: ResetInput,
): Promise<boolean> {
  const { token, tokenHash } = makeOneTimeToken(ctx);
  const { resetTokenSeconds: lifeSeconds, resetPasswordUrl: page } = ctx.config;
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  const owner = await insertResetToken(trx, { email, isAllowed, tokenHash, now, expiresAt });
  await recordAudit(ctx, trx, {
    type: 'password_reset_requested',
    at: now,
    userId: owner?.userId ?? null,
    client,
    ...(actor && { actor }),
    details: { is_mailed: owner?.isMade ?? false },
  });
  if (!owner?.isMade) return false;
  // Where staff sit is nothing that users are told.
  const ip = actor === undefined ? client.ip : null;
  const mail = resetPasswordMail({ page, token, lifeSeconds, at: now, ip });
  afterCommit(trx, () => {
    ctx.mails.send(owner.email, mail);
  });
  return true;
}
