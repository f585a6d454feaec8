import type { AppContext } from '../context.ts';
import { generateBackupCode } from '../crypto/backup-code.ts';

export interface GeneratedBackupCodes {
  /** Shown once. */
  codes: string[];
  codeHashes: string[];
}

/** New backup codes and what is stored of them. @throws `busy` */
export async function generateBackupCodes({
  config,
  passwords,
}: Pick<AppContext, 'config' | 'passwords'>): Promise<GeneratedBackupCodes> {
  const codes = new Set<string>();
  while (codes.size < config.backupCodesCount)
    codes.add(generateBackupCode(config.backupCodeLength));
  const codeHashes: string[] = [];
  // One after the other: at once they would take all the places that logins wait in.
  for (const code of codes) codeHashes.push(await passwords.hash(code));
  return { codes: [...codes], codeHashes };
}
