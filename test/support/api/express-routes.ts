import { Router } from 'express';

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
 * From now on notes where routers are mounted: Express does not keep it. Gives what reads the routes of the app that was
 * made last from the stacks of its routers, as `get /path/{id}`.
 */
export function recordRoutes(): () => string[] {
  const mounts = new Map<unknown, string>();
  let root: Stack = {};
  const prototype = Router.prototype as unknown as { use: Use };
  const { use } = prototype;
  prototype.use = function (...args) {
    const [path] = args;
    // The first surface of an app: `this` is the router of the app itself.
    if (path === '/api/v2') root = this as Stack;
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
  return () => read(root, '');
}

function toText(method: string, path: string): string {
  const template = path.replace(/\/+/g, '/').replace(/:(\w+)/g, '{$1}');
  return `${method} ${template.length > 1 ? template.replace(/\/$/, '') : template}`;
}
