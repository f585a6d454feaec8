import { select, selectOne, type Db, type Trx } from './database.ts';

export interface LoginFailures {
  failures: number;
  /** When the count is forgotten and, if it has reached the limit, the lockout ends. */
  expiresAt: Date;
}

/** The failures of an address that still count; null where there are none. */
export function findLoginFailures(
  db: Db,
  { emailHash, now }: { emailHash: string; now: Date },
): Promise<LoginFailures | null> {
  return selectOne<LoginFailures>(
    db,
    `SELECT failures, expires_at AS "expiresAt" FROM login_failures
     WHERE email_hash = :emailHash AND expires_at > :now`,
    { emailHash, now },
  );
}

interface Failure {
  emailHash: string;
  now: Date;
  /** Until when it counts, and until when the address is locked if it is the last one allowed. */
  expiresAt: Date;
  maxFailures: number;
}

/**
 * Counts a failure. Of many at once exactly one reaches `maxFailures`; those after it raise the count further
 * and leave the end of the lockout as it is.
 */
export async function countLoginFailure(trx: Trx, failure: Failure): Promise<LoginFailures> {
  const [counted] = await select<LoginFailures>(
    trx,
    `INSERT INTO login_failures AS known (email_hash, failures, expires_at)
     VALUES (:emailHash, 1, :expiresAt)
     ON CONFLICT (email_hash) DO UPDATE SET
       failures = CASE WHEN known.expires_at > :now THEN known.failures + 1 ELSE 1 END,
       expires_at = CASE WHEN known.expires_at > :now AND known.failures >= :maxFailures
                         THEN known.expires_at ELSE excluded.expires_at END
     RETURNING failures, expires_at AS "expiresAt"`,
    { ...failure },
  );
  if (counted === undefined) throw new Error('an upsert gave no row');
  return counted;
}

/** Forgets the failures of an address, and gives what there was to forget. */
export function deleteLoginFailures(trx: Trx, emailHash: string): Promise<LoginFailures | null> {
  return selectOne<LoginFailures>(
    trx,
    `DELETE FROM login_failures WHERE email_hash = :emailHash
     RETURNING failures, expires_at AS "expiresAt"`,
    { emailHash },
  );
}
