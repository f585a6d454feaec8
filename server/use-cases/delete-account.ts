import type { Client } from '../audit.ts';
import type { AppContext } from '../context.ts';
import { endSessions, type EndSessionsContext } from '../revocation/end-sessions.ts';
import type { Trx } from '../store/database.ts';
import { deleteUser } from '../store/users.ts';
import type { AccountPrincipal, PhonePrincipal, Principal } from './authenticate-token.ts';
import { withOneTimeCode } from './check-one-time-code.ts';
import { checkPassword, confirmPassword, type PasswordContext } from './check-password.ts';

interface DeleteWithCode {
  principal: PhonePrincipal;
  code: string;
  client: Client;
}

/**
 * Erases the user for a fresh one-time code and ends every session; the audit log keeps the id alone.
 * @throws what `withOneTimeCode` throws
 */
export async function deleteAccountWithCode(
  ctx: EndSessionsContext & Pick<AppContext, 'codeHashKey'>,
  { principal, code, client }: DeleteWithCode,
): Promise<void> {
  const phoneNumber = principal.claims.phone_number;
  await withOneTimeCode(ctx, { phoneNumber, code, client }, () =>
    eraseUser(ctx, { principal, client }),
  );
}

interface DeleteWithPassword {
  principal: AccountPrincipal;
  password: string;
  client: Client;
}

/** The same for the password. @throws what `checkPassword` throws */
export async function deleteAccountWithPassword(
  ctx: EndSessionsContext & PasswordContext,
  { principal, password, client }: DeleteWithPassword,
): Promise<void> {
  const checked = await checkPassword(ctx, {
    email: principal.claims.email,
    password,
    client,
    failureEvent: 'account_deletion_failed',
  });
  await eraseUser(ctx, {
    principal,
    client,
    confirm: (trx) => confirmPassword(ctx, trx, checked),
  });
}

interface EraseInput {
  principal: Principal;
  client: Client;
  /** Once more, under the lock of the user's row. */
  confirm?: (trx: Trx) => Promise<unknown>;
}

function eraseUser(ctx: EndSessionsContext, { principal, client, confirm }: EraseInput) {
  const { userId, sessionId } = principal;
  return endSessions(ctx, {
    selection: { userId },
    reason: 'account_disabled',
    event: 'account_deleted',
    client,
    token: principal,
    heldSessionId: sessionId,
    alongside: async (trx) => {
      await confirm?.(trx);
      await deleteUser(trx, userId);
    },
  });
}
