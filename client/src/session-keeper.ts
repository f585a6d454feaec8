import { Emitter } from './emitter.ts';
import { signedOutError } from './errors.ts';
import { randomId } from './platform.ts';
import type { StoredSession } from './stored-session.ts';
import type { Timing } from './timing.ts';
import type { Session, SessionKind, SignedOut, User } from './users.ts';
import type { Vault } from './vault.ts';

export interface ClientEvents {
  signedIn: Session;
  signedOut: SignedOut;
  /** The access token was renewed, by this client or in another tab. */
  refreshed: Session;
}

/** What the service gives for a session. */
export interface Tokens {
  accessToken: string;
  /** Absent where the old one stays. */
  refreshToken?: string;
  expiresInSeconds: number;
}

interface Held {
  stored: StoredSession;
  /** By the steady clock. */
  receivedAtMs: number;
  /** For those outside, made once. */
  shown: Session;
}

/**
 * Names the session that something was begun for. It changes with every sign-in and sign-out: what comes back with an old
 * one has nothing to say about the new session.
 */
export type Turn = number;

/**
 * Who is signed in. Changes in memory are made at once, without an await between the decision and its effect; the storage
 * follows, and where others share it (tabs) it is the truth.
 */
export class SessionKeeper {
  readonly events: Emitter<ClientEvents>;
  readonly #vault: Vault;
  readonly #timing: Timing;
  #held: Held | null = null;
  #turn: Turn = 0;

  constructor({ vault, timing, onError }: KeeperParts) {
    this.#vault = vault;
    this.#timing = timing;
    this.events = new Emitter(onError);
  }

  /** Goes on with the session that the storage has. */
  async open(): Promise<void> {
    const stored = await this.#vault.open();
    if (stored) this.#hold(stored);
  }

  get session(): Session | null {
    return this.#held?.shown ?? null;
  }

  /** @throws `signed_out` */
  get stored(): StoredSession {
    if (this.#held === null) throw signedOutError();
    return this.#held.stored;
  }

  /** @throws `signed_out` where nobody is signed in. */
  get turn(): Turn {
    if (this.#held === null) throw signedOutError();
    return this.#turn;
  }

  /** As `turn`, and it changes with a sign-out too. */
  get epoch(): number {
    return this.#turn;
  }

  isCurrent(turn: Turn): boolean {
    return this.#held !== null && turn === this.#turn;
  }

  /** @throws `signed_out` where the session that `turn` names is not the present one any more. */
  assertCurrent(turn: Turn): void {
    if (!this.isCurrent(turn)) throw signedOutError();
  }

  /**
   * Of the access token. By the time that has passed since it came, and never by the service's clock. Some steady clocks
   * stand still while the machine sleeps, so the wall clock counts where it has gone further.
   */
  get remainingMs(): number {
    if (this.#held === null) return 0;
    const { stored, receivedAtMs } = this.#held;
    const steadyMs = this.#timing.steady() - receivedAtMs;
    return stored.expiresInSeconds * 1000 - Math.max(steadyMs, this.#ageByWallMs(stored));
  }

  /** Takes a new session on; one that there is has been signed out by the caller. */
  async begin(signedIn: {
    kind: SessionKind;
    user: User;
    tokens: Required<Tokens>;
  }): Promise<void> {
    const { kind, user, tokens } = signedIn;
    const stored = { id: randomId(), kind, user, ...tokens, receivedAtMs: this.#timing.now() };
    const { shown } = this.#hold(stored);
    const turn = this.#turn;
    await this.#vault.write(stored);
    if (this.isCurrent(turn)) this.events.emit('signedIn', shown);
  }

  /** Forgets the session; what `turn` names must be the present one, else nothing happens. */
  async forget(turn: Turn, why: SignedOut): Promise<void> {
    if (!this.isCurrent(turn)) return;
    const { id } = this.stored;
    const erased = this.#vault.erase(id);
    this.#drop(why);
    await erased;
  }

  /** Takes the tokens of a refresh on: they are stored before the old ones are dropped. Inside `exclusively`. */
  async renew(turn: Turn, tokens: Tokens): Promise<void> {
    const { stored } = this;
    const renewed = { ...stored, ...tokens, receivedAtMs: this.#timing.now() };
    await this.#vault.write(renewed);
    // A sign-out that came meanwhile erased what was stored before this.
    if (this.isCurrent(turn)) this.#replace(renewed);
    else await this.#vault.eraseNow(stored.id);
    this.assertCurrent(turn);
  }

  /** Notes what the service says of the user. */
  async update(turn: Turn, user: User): Promise<void> {
    if (!this.isCurrent(turn)) return;
    this.#show(user);
    await this.#vault.exclusively(async () => {
      const stored = await this.#vault.read();
      if (!this.isCurrent(turn) || stored?.id !== this.stored.id) return;
      await this.#vault.write({ ...stored, user });
    });
  }

  /** Does what somebody else who shares the storage did: refreshed, signed out or signed in. */
  adopt(stored: StoredSession | null): void {
    const mine = this.#held?.stored ?? null;
    if (stored !== null && stored.id === mine?.id) {
      if (stored.accessToken !== mine.accessToken) this.#replace(stored);
      else this.#show(stored.user);
      return;
    }
    if (mine !== null) {
      this.#drop({ reason: 'elsewhere', detail: 'The session was signed out in another tab' });
    }
    // A listener may have signed in meanwhile.
    if (stored === null || this.#held !== null) return;
    this.events.emit('signedIn', this.#hold(stored).shown);
  }

  #hold(stored: StoredSession): Held {
    this.#turn += 1;
    this.#held = this.#toHeld(stored);
    return this.#held;
  }

  #replace(stored: StoredSession): void {
    this.#held = this.#toHeld(stored);
    this.events.emit('refreshed', this.#held.shown);
  }

  #show(user: User): void {
    if (this.#held === null) return;
    const stored = { ...this.#held.stored, user };
    const shown = Object.freeze({ ...this.#held.shown, user });
    this.#held = { ...this.#held, stored, shown };
  }

  #drop(why: SignedOut): void {
    this.#turn += 1;
    this.#held = null;
    this.events.emit('signedOut', why);
  }

  #toHeld(stored: StoredSession): Held {
    const { kind, user, accessToken, receivedAtMs, expiresInSeconds } = stored;
    const expiresAt = new Date(receivedAtMs + expiresInSeconds * 1000);
    return {
      stored,
      receivedAtMs: this.#timing.steady() - this.#ageByWallMs(stored),
      shown: Object.freeze({ kind, user, accessToken, expiresAt }),
    };
  }

  /** A wall clock that was set back tells nothing. */
  #ageByWallMs({ receivedAtMs }: StoredSession): number {
    return Math.max(0, this.#timing.now() - receivedAtMs);
  }
}

interface KeeperParts {
  vault: Vault;
  timing: Timing;
  onError: (error: unknown) => void;
}
