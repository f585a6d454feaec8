import type { Request, Response } from 'express';
import type { Client } from '../audit.ts';
import { firstAddress } from '../client-address.ts';
import { stateOf } from './request-state.ts';

const DEVICE_ID = /^[\w.:-]{1,128}$/;
const MAX_USER_AGENT_LENGTH = 300;

/** Who asks. The address is the peer's, or what the trusted proxies in front say (`TRUST_PROXY`). */
export function clientOf(req: Request, res: Response): Client {
  const deviceId = req.get('x-device-id') ?? '';
  return {
    ip: firstAddress([req.ip, req.socket.remoteAddress]),
    userAgent: req.get('user-agent')?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
    deviceId: DEVICE_ID.test(deviceId) ? deviceId : null,
    requestId: stateOf(res).requestId,
  };
}
