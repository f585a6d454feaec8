import helmet from 'helmet';
import type { RequestHandler } from 'express';
import type { AppContext } from '../context.ts';

/** Everything comes from here, and nothing is written into a page; `data:` is the QR code of the second factor. */
const DIRECTIVES = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  objectSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

/** The headers of pages. */
export function pageHeaders({ config }: Pick<AppContext, 'config'>): RequestHandler {
  // A page served over plain HTTP in development stays there.
  const secure = config.environment === 'production' ? { upgradeInsecureRequests: [] } : {};
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { ...DIRECTIVES, ...secure } },
    xFrameOptions: { action: 'deny' },
  });
}
