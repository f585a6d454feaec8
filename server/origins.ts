import type { Config } from './config.ts';

const LOCALHOST = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;

/**
 * Whether a request may come from a page of this origin. Native apps and servers send none; a browser always
 * does where it matters (Fetch, "origin" header), and no page can change it.
 */
export function isOriginAllowed(
  config: Pick<Config, 'allowedOrigins' | 'environment' | 'publicUrl'>,
  origin: string | undefined,
): boolean {
  if (origin === undefined) return true;
  if (config.allowedOrigins.includes(origin) || origin === new URL(config.publicUrl).origin) {
    return true;
  }
  return config.environment !== 'production' && LOCALHOST.test(origin);
}
