import { Router } from 'express';

/**
 * A path in another case, or with a slash too many, is another path: what a proxy's rule says of ours holds for all that
 * there is of it, and an empty id names no collection.
 */
const EXACT = { caseSensitive: true, strict: true };

export function createExactRouter(): Router {
  return Router(EXACT);
}
