import { onPageEvent, platform } from './platform.ts';

/** Where a session is kept. The value is opaque, and as secret as a password. */
export interface TokenStorage {
  get(): string | null | Promise<string | null>;
  set(value: string): void | Promise<void>;
  clear(): void | Promise<void>;
  /** Runs one task at a time among all who share the storage, as tabs do. */
  lock?<T>(task: () => Promise<T>): Promise<T>;
  /** Calls `changed` when somebody else wrote or cleared the value; returns what ends that. */
  subscribe?(changed: () => void): () => void;
}

/** Keeps the session as long as the page or process lives, and nobody else sees it. */
export function memoryStorage(): TokenStorage {
  let value: string | null = null;
  return {
    get: () => value,
    set: (newValue) => {
      value = newValue;
    },
    clear: () => {
      value = null;
    },
  };
}

/** What another tab has stored may come to be seen only after its lock was given up: it goes another way. */
const SETTLE_MS = 150;
/** A tab that hangs must not hold up the others for ever; longer than a refresh takes. */
const LOCK_PATIENCE_MS = 30_000;

/**
 * Keeps the session in `localStorage`, one for all tabs of the origin. Tabs refresh one at a time by Web Locks.
 * Where there are none (plain HTTP, old browsers) two may refresh at once, which the service bears: within its leeway
 * it gives a device the same successor again.
 * @param name Of the item, for more than one session beside each other.
 * @throws Where there is no `localStorage`, or the user forbids it.
 */
export function browserStorage(name = 'medallion'): TokenStorage {
  const { localStorage } = platform;
  if (!localStorage) throw new Error('browserStorage needs localStorage, which is not here');
  const storage: TokenStorage = {
    get: () => localStorage.getItem(name),
    set: (value) => {
      localStorage.setItem(name, value);
    },
    clear: () => {
      localStorage.removeItem(name);
    },
    subscribe: (changed) =>
      onPageEvent(platform, 'storage', ({ key }: { key: string | null }) => {
        // Null: everything was cleared.
        if (key === name || key === null) changed();
      }),
  };
  const { locks } = platform.navigator ?? {};
  if (locks) storage.lock = (task) => withLock({ locks, name: `medallion:${name}` }, task);
  return storage;
}

type PageLocks = NonNullable<NonNullable<typeof platform.navigator>['locks']>;

async function withLock<T>(
  { locks, name }: { locks: PageLocks; name: string },
  task: () => Promise<T>,
): Promise<T> {
  const waiting = new AbortController();
  const timer = setTimeout(() => {
    waiting.abort();
  }, LOCK_PATIENCE_MS);
  const begun = { isSo: false };
  try {
    let isContended = false;
    const run = async (): Promise<T> => {
      begun.isSo = true;
      clearTimeout(timer);
      if (isContended) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return task();
    };
    const tried = await locks.request(name, { ifAvailable: true }, async (lock) =>
      lock === null ? null : { result: await run() },
    );
    if (tried !== null) return tried.result;
    isContended = true;
    return await locks.request(name, { signal: waiting.signal }, run);
  } catch (error) {
    if (begun.isSo) throw error;
    // Refused, or not in time: better two refreshes at once than none.
    return await task();
  } finally {
    clearTimeout(timer);
  }
}
