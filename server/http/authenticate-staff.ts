import type { Request, RequestHandler, Response } from 'express';
import { limitKeyOf } from '../client-address.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import {
  assertPermitted,
  assertSecondFactor,
  findApiClient,
  recordRefusedClient,
  toStaff,
  type Staff,
} from '../use-cases/authorize-staff.ts';
import { authenticateBearer, getCurrentUser } from './authenticate.ts';
import { clientOf } from './client.ts';
import { countUse, type CountRequest } from './rate-limit.ts';
import { stateOf } from './request-state.ts';

/** An id is not longer. */
const MAX_TARGET_LENGTH = 32;

interface StaffOptions {
  permission: string;
  count: CountRequest;
}

/**
 * Lets through staff with an account token and API clients with HTTP Basic (RFC 7617) that have the permission.
 * Refuses with `invalid_token`, `token_revoked`, `invalid_client`, `insufficient_permissions`,
 * `two_factor_required`, or `service_unavailable` where nobody can tell.
 */
export function verifyStaff(ctx: AppContext, { permission, count }: StaffOptions): RequestHandler {
  return async (req, res, next) => {
    const credentials = basicCredentials(req);
    const staff =
      credentials === null
        ? toStaff(ctx, await authenticateBearer(ctx, { req, res, kind: 'account', count }))
        : await authenticateClient(ctx, { req, res, credentials });
    stateOf(res).staff = staff;
    const route = `${req.method} ${stateOf(res).route ?? ''}`;
    const { id } = req.params;
    const target = typeof id === 'string' ? { target: id.slice(0, MAX_TARGET_LENGTH) } : {};
    const client = clientOf(req, res);
    await assertPermitted(ctx, { staff, permission, route, ...target, client });
    await assertSecondFactor(ctx, staff);
    next();
  };
}

interface Credentials {
  name: string;
  secret: string;
}

/** Whoever guesses is counted by address, as those who guess passwords are, before anything is written. */
async function authenticateClient(
  ctx: AppContext,
  { req, res, credentials }: { req: Request; res: Response; credentials: Credentials },
): Promise<Staff> {
  const { name } = credentials;
  const staff = findApiClient(ctx, credentials);
  if (staff === null) {
    const client = clientOf(req, res);
    await countUse(res, { limiter: ctx.limiters.login, key: limitKeyOf(client.ip) });
    await recordRefusedClient(ctx, { name, client });
    throw new AppError('invalid_client');
  }
  await countUse(res, { limiter: ctx.limiters.apiClient, key: name });
  return staff;
}

/** Middleware behind `verifyJwt`: lets sessions through whose role has the permission. A refusal is put on record. */
export function requirePermission(ctx: AppContext, permission: string): RequestHandler {
  return async (req, res, next) => {
    const staff = toStaff(ctx, getCurrentUser(res));
    const route = `${req.method} ${req.baseUrl}`;
    await assertPermitted(ctx, { staff, permission, route, client: clientOf(req, res) });
    next();
  };
}

/** RFC 7617 §2; a client of OAuth 2 encodes both parts once more (RFC 6749 §2.3.1), which ours hold no sign of. */
function basicCredentials(req: Request): Credentials | null {
  const [, encoded] = /^Basic +(.+)$/i.exec(req.get('authorization') ?? '') ?? [];
  if (encoded === undefined) return null;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const [name = ''] = text.split(':', 1);
  return { name: decode(name), secret: decode(text.slice(name.length + 1)) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
