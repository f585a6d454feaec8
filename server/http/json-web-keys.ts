import { Router } from 'express';
import type { AppContext } from '../context.ts';
import { stateOf } from './request-state.ts';
import { getOnly } from './route.ts';

const PATH = '/.well-known/jwks.json';
/** So long may another service not know of a key: docs/keys.md tells to wait for it before a new one signs. */
const MAX_AGE_SECONDS = 300;

/** The public keys that other services verify tokens with (RFC 7517 §5). */
export function jsonWebKeysRouter(ctx: Pick<AppContext, 'phoneKeys' | 'accountKeys'>): Router {
  const router = Router();
  router.all(PATH, getOnly);
  router.get(PATH, (_req, res) => {
    stateOf(res).route = PATH;
    res.set('Cache-Control', `public, max-age=${MAX_AGE_SECONDS}`);
    res.type('application/jwk-set+json');
    res.send(
      JSON.stringify({ keys: [...ctx.accountKeys.publicKeys, ...ctx.phoneKeys.publicKeys] }),
    );
  });
  return router;
}
