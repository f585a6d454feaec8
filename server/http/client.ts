import { isIP } from 'node:net';
import type { Request, Response } from 'express';
import type { Client } from '../audit.ts';
import { stateOf } from './request-state.ts';

const DEVICE_ID = /^[\w.:-]{1,128}$/;
const MAX_USER_AGENT_LENGTH = 300;

/** Who asks. The address is the peer's, or what the trusted proxies in front say (`TRUST_PROXY`). */
export function clientOf(req: Request, res: Response): Client {
  const deviceId = req.get('x-device-id') ?? '';
  return {
    ip: addressOf(req),
    userAgent: req.get('user-agent')?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
    deviceId: DEVICE_ID.test(deviceId) ? deviceId : null,
    requestId: stateOf(res).requestId,
  };
}

/** An IP address as PostgreSQL knows it, whatever a proxy may have written. */
function addressOf(req: Request): string | null {
  const candidates = [req.ip, req.socket.remoteAddress].map((address) =>
    address?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''),
  );
  return candidates.find((address) => address !== undefined && isIP(address) !== 0) ?? null;
}
