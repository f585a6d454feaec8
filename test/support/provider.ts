import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { atEnd } from './teardown.ts';

export interface ReceivedRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** How the provider answers a request: a status, a broken connection, or never. */
export type Behaviour = number | 'reset' | 'hang';

/** An SMS provider over HTTP: it keeps what it was sent. */
export interface Provider {
  url: string;
  requests: ReceivedRequest[];
  /** Answers the next requests so, one after the other; those that follow are answered 200. */
  behave: (...behaviours: Behaviour[]) => void;
}

export async function startProvider(): Promise<Provider> {
  const requests: ReceivedRequest[] = [];
  const queue: Behaviour[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url: path = '', headers } = request;
      requests.push({ method, path, headers, body });
      answer(response, queue.shift() ?? 200);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    behave: (...behaviours) => {
      queue.splice(0, queue.length, ...behaviours);
    },
  };
}

function answer(response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour === 'reset') response.socket?.resetAndDestroy();
  else if (behaviour !== 'hang') response.writeHead(behaviour).end('{}');
}
