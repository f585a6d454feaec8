import { Router } from 'express';
import swaggerUi from 'swagger-ui-express';
import { describeApi } from './openapi.ts';
import { getOnly } from './route.ts';
import type { Surface } from './surface.ts';

/** `/openapi.json` and the page at `/docs` that it is tried out on. */
export function docsRouter(surfaces: readonly Surface[]): Router {
  const router = Router();
  const description = describeApi(surfaces);
  router.all(['/openapi.json', '/docs', '/docs/*file'], getOnly);
  router.get('/openapi.json', (_req, res) => {
    res.json(description);
  });
  const options = { customSiteTitle: 'Medallion API', swaggerOptions: { url: '/openapi.json' } };
  router.use('/docs', swaggerUi.serve, swaggerUi.setup(undefined, options));
  return router;
}
