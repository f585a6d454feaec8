import { WebSocket } from 'ws';
import type { AppContext } from '../context.ts';
import { CLOSE_CODES } from './close-codes.ts';
import type { Connection } from './connection.ts';
import type { Connections } from './connections.ts';
import { HEARTBEAT_SECONDS } from './heartbeat.ts';
import { receive, type MessageTypes } from './messages.ts';
import { readyFrame } from './server-frames.ts';

/** A WebSocket that knows its connection: listeners are shared by all, where closures would be five for each. */
export class LiveSocket extends WebSocket {
  connection!: Connection;
}

interface Opener {
  ctx: Pick<AppContext, 'config' | 'clock' | 'log' | 'metrics'>;
  connections: Connections;
  messages: MessageTypes;
}

/** Gives what begins to serve a socket whose handshake has just been answered. */
export function socketOpener({ ctx, connections, messages }: Opener) {
  const isPaced = (connection: Connection): boolean => {
    connection.isAlive = true;
    if (connection.mayReceive(ctx.config.socketMessages, ctx.clock.steady())) return true;
    connection.close('too_many_messages');
    return false;
  };

  function onMessage(this: WebSocket, data: Buffer, isBinary: boolean): void {
    const connection = connectionOf(this);
    if (!isPaced(connection)) return;
    connection.whenServed(() => {
      const isFrame =
        !isBinary && receive(ctx, { connection, types: messages, text: data.toString() });
      if (!isFrame) connection.close('not_the_protocol');
    });
  }

  function onPing(this: WebSocket, data: Buffer): void {
    const connection = connectionOf(this);
    if (isPaced(connection)) connection.pong(data);
  }

  function onPong(this: WebSocket): void {
    connectionOf(this).isAlive = true;
  }

  /** The library closes the socket itself: 1009 too large, 1007 not UTF-8, 1002 not WebSocket. */
  function onError(this: WebSocket, error: Error): void {
    ctx.log.debug({ err: error, connection_id: connectionOf(this).id }, 'socket error');
  }

  function onClose(this: WebSocket, code: number): void {
    connections.remove(connectionOf(this));
    noteClose(ctx, connectionOf(this), code);
  }

  return (connection: Connection, socket: LiveSocket): void => {
    socket.connection = connection;
    socket.on('message', onMessage);
    socket.on('ping', onPing);
    socket.on('pong', onPong);
    socket.on('error', onError);
    socket.on('close', onClose);
    ctx.metrics.socketHandshakes.inc({ status: 101 });
    ctx.metrics.socketsOpen.inc();
    connection.send(readyFrame(connection, HEARTBEAT_SECONDS));
    connections.opened(connection);
  };
}

function noteClose(
  { log, metrics }: Opener['ctx'],
  { id, gatedFor, principal }: Connection,
  code: number,
): void {
  metrics.socketsOpen.dec();
  metrics.socketCloses.inc({ code: gatedFor === null ? code : CLOSE_CODES[gatedFor].code });
  // Those that clients end come and go by the thousand, and the metrics count them.
  log[gatedFor === null ? 'debug' : 'info'](
    { connection_id: id, user_id: principal.userId, close_code: code, reason: gatedFor },
    'socket closed',
  );
}

/** The library's types say of a listener only that it is called for a WebSocket. */
function connectionOf(socket: WebSocket): Connection {
  return (socket as WebSocket & Pick<LiveSocket, 'connection'>).connection;
}
