import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { endSessions } from '../revocation/end-sessions.ts';
import { deleteUser } from '../store/users.ts';
import type { Principal } from './authenticate-token.ts';
import { withOneTimeCode } from './check-one-time-code.ts';

type DeleteAccountContext = Parameters<typeof endSessions>[0] & Pick<AppContext, 'codeHashKey'>;

interface DeleteAccountInput {
  principal: Principal;
  code: string;
  client: Client;
}

/**
 * Erases the user for a fresh one-time code and ends every session; the audit log keeps the id alone.
 * @throws what `withOneTimeCode` throws
 */
export async function deleteAccount(
  ctx: DeleteAccountContext,
  { principal, code, client }: DeleteAccountInput,
): Promise<void> {
  const { phoneNumber, userId } = principal;
  await withOneTimeCode(ctx, { phoneNumber, code }, () =>
    endSessions(ctx, {
      selection: { userId },
      reason: 'account_disabled',
      event: 'account_deleted',
      client,
      token: principal,
      heldSessionId: principal.sessionId,
      alongside: (trx) => deleteUser(trx, userId),
    }),
  );
}
