import { randomId } from './platform.ts';
import {
  isDeviceId,
  parseState,
  serializeState,
  type StoredSession,
  type StoredState,
} from './stored-session.ts';
import type { TokenStorage } from './token-storage.ts';

interface VaultOptions {
  storage: TokenStorage;
  deviceId: string | undefined;
  onError: (error: unknown) => void;
}

/** What is kept in the storage, whatever kind of storage it is, and in whatever state. */
export class Vault {
  readonly #storage: TokenStorage;
  readonly #onError: (error: unknown) => void;
  readonly #givenDeviceId: string | undefined;
  #deviceId: string;
  #tail: Promise<unknown> = Promise.resolve();
  #writes: Promise<void> = Promise.resolve();
  /** What could not be written: it counts in the place of what the storage has. */
  #unwritten: StoredState | null = null;

  constructor({ storage, deviceId, onError }: VaultOptions) {
    this.#storage = storage;
    this.#onError = onError;
    this.#givenDeviceId = deviceId;
    this.#deviceId = deviceId ?? randomId();
  }

  /** What the service knows this installation by. */
  get deviceId(): string {
    return this.#deviceId;
  }

  /** Reads the session that was left here, and sees to it that the device has an id. @throws What the storage throws. */
  open(): Promise<StoredSession | null> {
    return this.exclusively(async () => {
      const state = parseState(await this.#storage.get());
      if (this.#givenDeviceId !== undefined) return state?.session ?? null;
      if (state === null) await this.write(null);
      else this.#deviceId = state.deviceId;
      return state?.session ?? null;
    });
  }

  /** The session in the storage, null for none, undefined where the storage cannot tell. */
  async read(): Promise<StoredSession | null | undefined> {
    await this.#writes;
    return this.#look();
  }

  /** Resolves when it is stored, or has been reported not to be. What is written later is stored later. */
  write(session: StoredSession | null): Promise<void> {
    return this.#enqueue(() => this.#store(session));
  }

  /**
   * Erases a session, at once, so that it does not come back with a reload; then once more when nobody is refreshing
   * it, who might have written it anew.
   */
  async erase(id: string): Promise<void> {
    await this.eraseNow(id);
    await this.exclusively(() => this.eraseNow(id)).catch(this.#onError);
  }

  /** As `erase`, where nobody else can be refreshing: inside `exclusively`. */
  eraseNow(id: string): Promise<void> {
    // Looked at within the queue: a session that began meanwhile stays.
    return this.#enqueue(async () => {
      const stored = await this.#look();
      if (stored === undefined || stored?.id === id) await this.#store(null);
    });
  }

  /** One task at a time, among all tabs where the storage can do that. */
  exclusively<T>(task: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(() => (this.#storage.lock ? this.#storage.lock(task) : task()));
    this.#tail = run.catch(() => undefined);
    return run;
  }

  subscribe(changed: () => void): () => void {
    return this.#storage.subscribe?.(changed) ?? (() => undefined);
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    this.#writes = this.#writes.then(task);
    return this.#writes;
  }

  async #look(): Promise<StoredSession | null | undefined> {
    if (this.#unwritten) return this.#unwritten.session;
    try {
      return parseState(await this.#storage.get())?.session ?? null;
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }

  async #store(session: StoredSession | null): Promise<void> {
    const state = { deviceId: this.#deviceId, session };
    try {
      if (session === null && this.#givenDeviceId !== undefined) await this.#storage.clear();
      else await this.#storage.set(serializeState(state));
      this.#unwritten = null;
    } catch (error) {
      this.#unwritten = state;
      this.#onError(error);
    }
  }
}

/** @throws TypeError where it is not one that the service takes. */
export function assertDeviceId(deviceId: string | undefined): void {
  if (deviceId === undefined || isDeviceId(deviceId)) return;
  throw new TypeError(
    'deviceId has 1 to 128 letters, digits, dots, colons, dashes and underscores',
  );
}
