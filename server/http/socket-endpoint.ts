import type { Endpoint } from './endpoint.ts';

/** The handshake of the live socket; `server/realtime/gateway.ts` answers it. */
export const socketEndpoint: Endpoint = {
  path: '/ws',
  tag: 'Sockets',
  summary: 'Open a live socket',
  description:
    'A WebSocket handshake. The access token comes in `Authorization`, or, from browsers, as the subprotocol ' +
    '`medallion.bearer.<token>` offered beside `medallion.v1`; never in the URL.',
  answers: { 101: { description: 'The socket is open' } },
  takesToken: true,
  errors: [
    'invalid_request',
    'token_in_url',
    'invalid_token',
    'token_revoked',
    'upgrade_required',
    'rate_limited',
    'too_many_sockets',
    'service_unavailable',
    'draining',
    'node_busy',
    'node_full',
  ],
};
