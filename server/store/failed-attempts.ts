import { select, selectOne, type Db, type Trx } from './database.ts';

export interface FailedAttempts {
  failures: number;
  /** When the count is forgotten and, if it has reached the limit, the lockout ends. */
  expiresAt: Date;
}

/** The failures under a counter that still count; null where there are none. */
export function findFailedAttempts(
  db: Db,
  { counter, now }: { counter: string; now: Date },
): Promise<FailedAttempts | null> {
  return selectOne<FailedAttempts>(
    db,
    `SELECT failures, expires_at AS "expiresAt" FROM failed_attempts
     WHERE counter = :counter AND expires_at > :now`,
    { counter, now },
  );
}

interface Failure {
  counter: string;
  now: Date;
  /** Until when it counts, and until when the counter is locked if it is the last one allowed. */
  expiresAt: Date;
  maxFailures: number;
}

/**
 * Counts a failure. Of many at once exactly one reaches `maxFailures`; those after it raise the count further
 * and leave the end of the lockout as it is.
 */
export async function countFailedAttempt(trx: Trx, failure: Failure): Promise<FailedAttempts> {
  const [counted] = await select<FailedAttempts>(
    trx,
    `INSERT INTO failed_attempts AS known (counter, failures, expires_at)
     VALUES (:counter, 1, :expiresAt)
     ON CONFLICT (counter) DO UPDATE SET
       failures = CASE WHEN known.expires_at > :now THEN known.failures + 1 ELSE 1 END,
       expires_at = CASE WHEN known.expires_at > :now AND known.failures >= :maxFailures
                         THEN known.expires_at ELSE excluded.expires_at END
     RETURNING failures, expires_at AS "expiresAt"`,
    { ...failure },
  );
  if (counted === undefined) throw new Error('an upsert gave no row');
  return counted;
}

/** Forgets the failures under a counter, and gives what there was to forget. */
export function deleteFailedAttempts(trx: Trx, counter: string): Promise<FailedAttempts | null> {
  return selectOne<FailedAttempts>(
    trx,
    `DELETE FROM failed_attempts WHERE counter = :counter
     RETURNING failures, expires_at AS "expiresAt"`,
    { counter },
  );
}
