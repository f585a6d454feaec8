import type { AppContext } from '../context.ts';
import type { Mail } from '../messaging/mail-sender.ts';
import { afterCommit, type Trx } from '../store/database.ts';
import { findEmail } from '../store/users.ts';

/** Tells a user by e-mail, when the transaction has been committed; nobody where there is no address. */
export async function mailUser(
  { mails }: Pick<AppContext, 'mails'>,
  trx: Trx,
  { userId, mail }: { userId: number; mail: Mail },
): Promise<void> {
  const email = await findEmail(trx, userId);
  if (email === null) return;
  afterCommit(trx, () => {
    mails.send(email, mail);
  });
}
