import type { AppContext } from '../context.ts';
import { generateBackupCode } from '../crypto/backup-code.ts';

/** New backup codes, to be shown once. */
export function generateBackupCodes({ config }: Pick<AppContext, 'config'>): string[] {
  const codes = new Set<string>();
  while (codes.size < config.backupCodesCount) {
    codes.add(generateBackupCode(config.backupCodeLength));
  }
  return [...codes];
}

/** What is stored of backup codes. @throws `busy` */
export async function hashBackupCodes(
  { passwords }: Pick<AppContext, 'passwords'>,
  codes: string[],
): Promise<string[]> {
  const codeHashes: string[] = [];
  // One after the other: at once they would take all the places that logins wait in.
  for (const code of codes) codeHashes.push(await passwords.hash(code));
  return codeHashes;
}
