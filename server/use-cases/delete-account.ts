import type { Client } from '../audit.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import { deleteUser, lockUser } from '../store/users.ts';
import { assertAnotherAdmin } from './assert-another-admin.ts';
import type { Principal } from './authenticate-token.ts';
import { reauthenticate, type ReauthenticationContext } from './reauthenticate.ts';

interface DeleteInput {
  principal: Principal;
  /** The password, or a fresh one-time code on the phone surface. */
  proof: string;
  client: Client;
}

/**
 * Erases the user and ends every session; the audit log keeps the id alone.
 * @throws what `reauthenticate` throws; `token_revoked`, `last_admin`
 */
export async function deleteAccount(
  ctx: EndSessionsContext & ReauthenticationContext,
  { principal, proof, client }: DeleteInput,
): Promise<void> {
  const { userId, sessionId } = principal;
  const failureEvent = 'account_deletion_failed';
  await reauthenticate(ctx, { principal, proof, client, failureEvent }, (confirm) =>
    endSessions(ctx, {
      selection: { userId },
      reason: 'account_disabled',
      event: 'account_deleted',
      client,
      token: principal,
      heldSessionId: sessionId,
      alongside: async (trx) => {
        await confirm(trx);
        const user = await lockUser(trx, userId);
        if (user !== null) await assertAnotherAdmin(ctx, trx, user);
        await deleteUser(trx, userId);
      },
    }),
  );
}
