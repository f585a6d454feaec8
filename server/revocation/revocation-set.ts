import type { Clock } from '../clock.ts';
import { parseJti } from '../crypto/jwt.ts';
import type { Revocation } from './revocation.ts';

/** Of a session: the highest generation whose tokens are dead, every one where it has ended. */
const EVERY_GENERATION = Infinity;

interface Death {
  upTo: number;
  until: number;
}

/** The sessions and tokens that this node knows to have ended, each kept until no token of it can live. */
export class RevocationSet {
  /** By session id, or by the jti of a single token. */
  readonly #dead = new Map<string, Death>();
  readonly #clock: Clock;
  readonly #lifeMs: number;

  constructor(clock: Clock, lifeMs: number) {
    this.#clock = clock;
    this.#lifeMs = lifeMs;
  }

  add({ session_ids, generations, jtis }: Revocation): void {
    this.#forgetOld();
    for (const id of session_ids) this.#note(id, EVERY_GENERATION);
    for (const [id, generation] of Object.entries(generations)) this.#note(id, generation);
    for (const jti of jtis) this.#note(jti, EVERY_GENERATION);
  }

  /** Whether all that the revocation says is known. */
  has({ session_ids, generations, jtis }: Revocation): boolean {
    return (
      session_ids.every((id) => this.hasEnded(id)) &&
      Object.entries(generations).every(([id, upTo]) => (this.#dead.get(id)?.upTo ?? 0) >= upTo) &&
      jtis.every((jti) => this.hasToken(jti))
    );
  }

  hasEnded(sessionId: string): boolean {
    return this.#dead.get(sessionId)?.upTo === EVERY_GENERATION;
  }

  hasToken(jti: string): boolean {
    const { sessionId, generation } = parseJti(jti);
    const upTo = this.#dead.get(sessionId)?.upTo ?? 0;
    return generation <= upTo || this.#dead.has(jti);
  }

  #note(id: string, generation: number): void {
    const upTo = Math.max(generation, this.#dead.get(id)?.upTo ?? 0);
    // Taken out first: a map keeps a key where it was first put, and they are in the order of their ends.
    this.#dead.delete(id);
    this.#dead.set(id, { upTo, until: this.#clock.now() + this.#lifeMs });
  }

  #forgetOld(): void {
    const now = this.#clock.now();
    for (const [id, { until }] of this.#dead) {
      // All live equally long, so the first that still counts ends the search.
      if (until > now) return;
      this.#dead.delete(id);
    }
  }
}
