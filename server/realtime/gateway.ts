import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions } from 'ws';
import type { AppContext } from '../context.ts';
import { AppError, toAppError } from '../errors.ts';
import { isOriginAllowed } from '../origins.ts';
import { assertNotRevoked, verifyAccessToken } from '../use-cases/authenticate-token.ts';
import { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { LiveSocket, socketOpener } from './live-socket.ts';
import type { MessageTypes } from './messages.ts';
import { refuseSocket } from '../refuse-socket.ts';
import type { HandshakeLimits } from './handshake-limits.ts';
import type { PlaceKeeper } from './place-keeper.ts';

const SOCKET_PATH = '/ws';
const MAX_FRAME_BYTES = 16 * 1024;
const CLOSE_TIMEOUT_MS = 1000;
const PROTOCOL = 'medallion.v1';
const BEARER_PROTOCOL = 'medallion.bearer.';

type GatewayContext = Pick<
  AppContext,
  | 'config'
  | 'clock'
  | 'log'
  | 'metrics'
  | 'phoneKeys'
  | 'accountKeys'
  | 'blacklist'
  | 'lease'
  | 'isDraining'
>;

interface Gateway {
  ctx: GatewayContext;
  connections: Connections;
  limits: Pick<HandshakeLimits, 'count'>;
  places: Pick<PlaceKeeper, 'take'>;
  messages: MessageTypes;
}

type UpgradeListener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Answers the `upgrade` event of the HTTP server: a socket, or a refusal in HTTP. */
export function createGateway(gateway: Gateway): UpgradeListener {
  // The library's types do not know `closeTimeout` yet.
  const options: ServerOptions<typeof LiveSocket> & { closeTimeout: number } = {
    WebSocket: LiveSocket,
    noServer: true,
    clientTracking: false,
    maxPayload: MAX_FRAME_BYTES,
    closeTimeout: CLOSE_TIMEOUT_MS,
    perMessageDeflate: false,
    // A peer that pings and never reads would fill our memory with pongs: see Connection.pong.
    autoPong: false,
    // Without this the server would select, and so repeat, the first protocol: perhaps the token.
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
  };
  const server = new WebSocketServer(options);
  const open = socketOpener(gateway);
  server.on('wsClientError', (error, socket, request) => {
    refuse(gateway, { error: handshakeError(request, error), socket, requestId: randomUUID() });
  });
  return (request, socket, head) => {
    const requestId = randomUUID();
    socket.on('error', ignoreError);
    admit(gateway, request, socket)
      .then(({ connection, forget }) => {
        // From this look at the gate to the open socket there is no await.
        assertNotGated(connection);
        socket.off('error', ignoreError);
        // The answer and the first frame in one write.
        socket.cork();
        server.handleUpgrade(request, socket, head, (webSocket) => {
          connection.attach(webSocket, socket);
          open(connection, webSocket);
          socket.off('close', forget);
        });
        socket.uncork();
      })
      .catch((error: unknown) => {
        refuse(gateway, { error, socket, requestId });
      });
  };
}

function ignoreError(): void {
  // Whoever hangs up during the handshake is told nothing.
}

function refuse(
  { ctx }: Gateway,
  { error, socket, requestId }: { error: unknown; socket: Duplex; requestId: string },
): void {
  const refusal = toAppError(error);
  ctx.metrics.socketHandshakes.inc({ status: refusal.status });
  const level = refusal.status === 500 ? 'error' : 'debug';
  ctx.log[level]({ err: error, request_id: requestId }, 'handshake refused');
  refuseSocket(socket, refusal, requestId);
}

/** What the library finds wrong with a handshake. RFC 6455 §4.4: a version is answered with ours. */
function handshakeError({ headers }: IncomingMessage, cause: Error): AppError {
  if (headers['sec-websocket-version'] === '13') return new AppError('invalid_request', { cause });
  const ours = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
  return new AppError('upgrade_required', { headers: ours, cause });
}

/** A revocation, an expiry or a stop that came during the handshake has found the connection. */
function assertNotGated({ gatedFor }: Connection): void {
  if (gatedFor === null) return;
  if (gatedFor === 'draining') throw new AppError('draining');
  throw new AppError(gatedFor === 'token_expired' ? 'invalid_token' : 'token_revoked');
}

interface Admitted {
  connection: Connection;
  /** Is called when the client hangs up, until the WebSocket takes that over. */
  forget: () => void;
}

/** Every reason to refuse, in order; what is left is registered, and only then checked against revocations. */
async function admit(
  gateway: Gateway,
  request: IncomingMessage,
  socket: Duplex,
): Promise<Admitted> {
  const { ctx, connections, limits, places } = gateway;
  assertWellAddressed(request);
  if (ctx.isDraining()) throw new AppError('draining');
  if (!isOriginAllowed(ctx.config, request.headers.origin))
    throw new AppError('origin_not_allowed');
  if (connections.size >= ctx.config.maxSocketsPerNode) throw new AppError('node_full');
  limits.count(request);
  const principal = verifyAccessToken(ctx, readToken(request));
  if (connections.countOfUser(principal.userId) >= ctx.config.maxSocketsPerUser) {
    throw tooManySockets();
  }
  const connection = new Connection(randomUUID(), principal, ctx.lease);
  connections.add(connection);
  const forget = () => {
    connections.remove(connection);
  };
  socket.on('close', forget);
  const [hasPlace] = await Promise.all([places.take(connection), assertNotRevoked(ctx, principal)]);
  if (!hasPlace) throw tooManySockets();
  return { connection, forget };
}

function tooManySockets(): AppError {
  return new AppError('too_many_sockets', { retryAfterSeconds: 30 });
}

const URL_TOKEN_PARAMETER = /^(access_?token|token|jwt|bearer|authorization)$/i;

function assertWellAddressed({ url, method }: IncomingMessage): void {
  if (url === SOCKET_PATH && method === 'GET') return;
  const address = URL.parse(url ?? '/', 'http://node');
  if (address?.pathname !== SOCKET_PATH) throw new AppError('not_found');
  if (method !== 'GET') throw new AppError('method_not_allowed', { headers: { Allow: 'GET' } });
  // It is in every log between here and there by now.
  if ([...address.searchParams.keys()].some((name) => URL_TOKEN_PARAMETER.test(name))) {
    throw new AppError('token_in_url');
  }
}

/** From `Authorization`, or, as a browser cannot set that, from a subprotocol of its own. */
function readToken({ headers }: IncomingMessage): string | null {
  if (headers.authorization !== undefined) {
    return /^Bearer +([\w.~+/-]+=*)$/i.exec(headers.authorization)?.[1] ?? null;
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((item) => item.trim());
  const bearer = offered.find((protocol) => protocol.startsWith(BEARER_PROTOCOL));
  return bearer?.slice(BEARER_PROTOCOL.length) ?? null;
}
