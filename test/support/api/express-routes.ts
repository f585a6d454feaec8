import type { Server } from 'node:http';
import { Router, type Express } from 'express';

interface Layer {
  handle: unknown;
  route?: { path: string | string[]; methods: Record<string, boolean> };
}

interface Stack {
  stack?: Layer[];
}

/** `app.all` makes a route of every method that there is: it only refuses. */
const MAX_METHODS = 5;

type Use = (this: unknown, ...args: unknown[]) => unknown;

/**
 * From now on notes where routers are mounted: Express does not keep it. Gives what reads the routes of a server from
 * the stacks of its routers, as `get /path/{id}`.
 */
export function recordRoutes(): (server: Server) => string[] {
  const mounts = new Map<unknown, string>();
  const prototype = Router.prototype as unknown as { use: Use };
  const { use } = prototype;
  prototype.use = function (...args) {
    const [path] = args;
    if (typeof path === 'string') for (const handler of args.slice(1)) mounts.set(handler, path);
    return use.apply(this, args);
  };
  const read = (router: Stack, prefix: string): string[] =>
    (router.stack ?? []).flatMap(({ handle, route }) => {
      if (route === undefined) return read(handle as Stack, prefix + (mounts.get(handle) ?? ''));
      const methods = Object.keys(route.methods).filter((method) => method !== '_all');
      if (methods.length > MAX_METHODS) return [];
      const paths = [route.path].flat().map((path) => prefix + path);
      return methods.flatMap((method) => paths.map((path) => toText(method, path)));
    });
  return (server) => {
    const app = server.listeners('request').find((each) => 'router' in each);
    return read((app as unknown as Express).router as unknown as Stack, '');
  };
}

function toText(method: string, path: string): string {
  const template = path.replace(/\/+/g, '/').replace(/:(\w+)/g, '{$1}');
  return `${method} ${template.length > 1 ? template.replace(/\/$/, '') : template}`;
}
