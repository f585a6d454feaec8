import type { TestApp } from './app.ts';

export interface DescribedRoute {
  method: 'get' | 'post' | 'patch' | 'delete';
  path: string;
  takesBody: boolean;
}

interface ApiDescription {
  paths: Record<string, Record<string, { requestBody?: unknown }>>;
}

/** Every route that the service says it has, its path parameters filled in. */
export async function describedRoutes(app: TestApp): Promise<DescribedRoute[]> {
  const { body } = (await app.request.get('/openapi.json').expect(200)) as { body: ApiDescription };
  return Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { requestBody }]) => ({
      method: method as DescribedRoute['method'],
      path: path.replace(/\{\w+\}/g, 'A'.repeat(22)),
      takesBody: requestBody !== undefined,
    })),
  );
}
