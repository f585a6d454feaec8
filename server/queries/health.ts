import { pingDatabase, type Db } from '../store/database.ts';

/** Whether PostgreSQL answers within `timeoutMs`. */
export async function isDatabaseAnswering(db: Db, timeoutMs: number): Promise<boolean> {
  const timeout = new Promise<boolean>((resolve) => {
    setTimeout(resolve, timeoutMs, false).unref();
  });
  const ping = pingDatabase(db).then(
    () => true,
    () => false,
  );
  return Promise.race([ping, timeout]);
}
