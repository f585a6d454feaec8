import type { AppContext } from '../context.ts';
import { decrypt, encrypt, isUnderCurrentKey } from '../crypto/encryption.ts';
import { listTotpSecrets, replaceTotpSecret, type TotpSecret } from '../store/totp.ts';
import { totpBinding } from './encrypt-totp.ts';

const BATCH_SIZE = 500;

type RotationContext = Pick<AppContext, 'db' | 'encryptionKeys'>;

export interface RotatedBatch {
  rotated: number;
  alreadyCurrent: number;
  /** The users whose secrets decrypt under no key that is known. */
  unreadable: number[];
}

/**
 * Encrypts the secrets of second factors under the current key, batch by batch, while they are in use: what is set
 * up or switched off meanwhile stays as it is. What breaks in the middle is finished by the next run.
 * @throws `service_unavailable`
 */
export async function* rotateEncryptionKey(ctx: RotationContext): AsyncGenerator<RotatedBatch> {
  let afterUserId = 0;
  for (;;) {
    const secrets = await listTotpSecrets(ctx.db, { afterUserId, limit: BATCH_SIZE });
    const last = secrets.at(-1);
    if (last === undefined) return;
    yield await rotateBatch(ctx, secrets);
    afterUserId = last.userId;
  }
}

async function rotateBatch(ctx: RotationContext, secrets: TotpSecret[]): Promise<RotatedBatch> {
  const batch: RotatedBatch = { rotated: 0, alreadyCurrent: 0, unreadable: [] };
  for (const secret of secrets) {
    const outcome = await rotateSecret(ctx, secret);
    if (outcome === 'unreadable') batch.unreadable.push(secret.userId);
    else if (outcome !== 'gone') batch[outcome] += 1;
  }
  return batch;
}

type Outcome = 'rotated' | 'alreadyCurrent' | 'unreadable' | 'gone';

async function rotateSecret(
  ctx: RotationContext,
  { userId, secret }: TotpSecret,
): Promise<Outcome> {
  const { db, encryptionKeys } = ctx;
  const boundTo = totpBinding(userId);
  const plaintext = read(encryptionKeys, { ciphertext: secret, boundTo });
  if (plaintext === null) return 'unreadable';
  if (isUnderCurrentKey(encryptionKeys, secret)) return 'alreadyCurrent';
  const to = encrypt(encryptionKeys, { plaintext, boundTo });
  if (await replaceTotpSecret(db, { userId, from: secret, to })) return 'rotated';
  // Another value is there meanwhile, from a set-up or another run, or none: look again.
  const [found] = await listTotpSecrets(db, { afterUserId: userId - 1, limit: 1 });
  return found?.userId === userId ? rotateSecret(ctx, found) : 'gone';
}

function read(...value: Parameters<typeof decrypt>): string | null {
  try {
    return decrypt(...value);
  } catch {
    return null;
  }
}
