import type { AppContext } from '../context.ts';
import { CLOCK_SLACK_MS, type Revocation } from './revocation.ts';

/** Who asks has not waited for longer than this. */
const LATE_QUESTION_MS = 5000;

interface Heard {
  at: number;
  revocation: Revocation;
}

/** What this node heard lately, for those who can ask nobody else: no longer than they would go on without. */
export class RecentRevocations {
  readonly #clock: AppContext['clock'];
  readonly #keptMs: number;
  /** In the order in which it was heard. */
  readonly #heard = new Set<Heard>();

  constructor({ clock, config }: Pick<AppContext, 'clock' | 'config'>) {
    this.#clock = clock;
    this.#keptMs = config.revocationGraceSeconds * 1000 + LATE_QUESTION_MS;
  }

  add(revocation: Revocation): void {
    this.#forgetOld();
    // A node that starts hears of all that lives, most of which everybody knows for long.
    if (!this.#isOld(revocation)) this.#heard.add({ at: this.#clock.steady(), revocation });
  }

  within(ms: number): Revocation[] {
    const since = this.#clock.steady() - ms;
    return [...this.#heard].filter(({ at }) => at >= since).map(({ revocation }) => revocation);
  }

  #isOld({ committed_at }: Revocation): boolean {
    if (committed_at === undefined) return false;
    return Date.parse(committed_at) < this.#clock.now() - this.#keptMs - CLOCK_SLACK_MS;
  }

  #forgetOld(): void {
    const since = this.#clock.steady() - this.#keptMs;
    for (const heard of this.#heard) {
      if (heard.at >= since) return;
      this.#heard.delete(heard);
    }
  }
}
