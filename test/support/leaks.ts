import type { SecretKind } from './secret-kinds.ts';
import type { SecretMatcher } from './secret-matcher.ts';

/** A secret that is at rest in the clear: of which kind, and where. */
export interface Leak {
  kind: SecretKind;
  place: string;
}

/** Tells the kinds of the secrets in a text. */
export type Matcher = Pick<SecretMatcher, 'find'>;

/** The texts in a value of JSON, the names of its fields included. */
export function* textsOf(value: unknown): Iterable<string> {
  if (typeof value === 'string') yield value;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) yield name;
    yield* textsOf(inner);
  }
}

/** What has been found, each kind once in a place. */
export class Leaks {
  readonly #matcher: Matcher;
  readonly #leaks = new Map<string, Leak>();

  constructor(matcher: Matcher) {
    this.#matcher = matcher;
  }

  look(place: string, text: string): void {
    for (const kind of this.#matcher.find(text))
      this.#leaks.set(`${kind} ${place}`, { kind, place });
  }

  list(): Leak[] {
    return [...this.#leaks.values()];
  }
}
