import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { verifyEmailMail } from '../messaging/recovery-mails.ts';
import type { Trx } from '../store/database.ts';
import { insertVerificationToken } from '../store/one-time-tokens.ts';
import { makeOneTimeToken, type OneTimeTokenContext } from './one-time-token.ts';

export type VerificationContext = OneTimeTokenContext &
  Pick<AppContext, 'clock' | 'config' | 'mails'>;

interface Verification {
  userId: number;
  client: Client;
}

/**
 * Makes a token for the address that a user has. What it gives mails the link, and is called after the commit; null
 * where there is neither user nor address.
 */
export async function issueVerification(
  ctx: VerificationContext,
  trx: Trx,
  { userId, client }: Verification,
): Promise<(() => void) | null> {
  const { token, tokenHash } = makeOneTimeToken(ctx);
  const { verificationSeconds: lifeSeconds, verifyEmailUrl: page } = ctx.config;
  const now = new Date(ctx.clock.now());
  const expiresAt = new Date(now.getTime() + lifeSeconds * 1000);
  const email = await insertVerificationToken(trx, { userId, tokenHash, now, expiresAt });
  if (email === null) return null;
  return () => {
    const mail = verifyEmailMail({ page, token, lifeSeconds, at: now, ip: client.ip });
    ctx.mails.send(email, mail);
  };
}
