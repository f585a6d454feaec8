import type { Router } from 'express';
import { z } from 'zod';
import type { AppContext } from '../context.ts';
import type { Endpoint } from './endpoint.ts';
import { createExactRouter } from './exact-router.ts';
import { stateOf } from './request-state.ts';
import { getOnly } from './route.ts';

const PATH = '/.well-known/jwks.json';
/** So long may another service not know of a key: docs/keys.md tells to wait for it before a new one signs. */
const MAX_AGE_SECONDS = 300;

/** RFC 7517 §4: beside these, what the type of the key brings along (RFC 7518 §6, RFC 8037). */
const keySchema = z
  .looseObject({
    kty: z.enum(['EC', 'RSA', 'OKP']),
    kid: z.string(),
    alg: z.enum(['ES256', 'RS256', 'EdDSA']),
    use: z.literal('sig'),
  })
  .meta({
    id: 'JsonWebKey',
    examples: [
      {
        kty: 'OKP',
        crv: 'Ed25519',
        x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo',
        kid: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
        alg: 'EdDSA',
        use: 'sig',
      },
    ],
  });

export const jsonWebKeysEndpoint: Endpoint = {
  path: PATH,
  tag: 'Discovery',
  summary: 'The public keys that access tokens are verified with (RFC 7517); none for HS256',
  answers: {
    200: {
      description: 'May be cached for five minutes',
      content: { 'application/jwk-set+json': z.object({ keys: z.array(keySchema) }) },
    },
  },
  errors: [],
};

/** The public keys that other services verify tokens with (RFC 7517 §5). */
export function jsonWebKeysRouter(ctx: Pick<AppContext, 'phoneKeys' | 'accountKeys'>): Router {
  const router = createExactRouter();
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
