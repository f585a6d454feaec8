import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { atEnd } from './teardown.ts';

/** The network between the app and a service, which a test takes away and gives back. */
export interface TcpProxy {
  /** The service's address by way of the proxy. */
  url: string;
  /** Ends all connections and refuses new ones, as when the service is down. */
  cut: () => void;
  /** Lets no byte through and ends nothing, as when the service hangs. */
  stall: () => void;
  /** Lets everything through again, what was held up included; to another service if one is given. */
  restore: (targetUrl?: string) => void;
}

interface Pair {
  client: Socket;
  upstream: Socket;
}

type State = 'open' | 'cut' | 'stalled';

export async function startProxy(targetUrl: string): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  let state: State = 'open';
  let target = new URL(targetUrl);
  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = { client, upstream };
    pairs.add(pair);
    upstream.on('error', () => undefined);
    upstream.on('close', () => client.destroy());
    client.on('close', () => {
      upstream.destroy();
      pairs.delete(pair);
    });
    if (state === 'open') join(pair);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const end = () => {
    for (const { client } of pairs) client.destroy();
  };
  atEnd(() => {
    server.close();
    end();
  });
  const url = new URL(targetUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut: () => {
      state = 'cut';
      end();
    },
    stall: () => {
      state = 'stalled';
      pairs.forEach(part);
    },
    restore: (newTarget) => {
      if (newTarget !== undefined) target = new URL(newTarget);
      if (state === 'stalled') pairs.forEach(join);
      state = 'open';
    },
  };
}

function join({ client, upstream }: Pair): void {
  client.pipe(upstream).pipe(client);
}

function part({ client, upstream }: Pair): void {
  client.unpipe(upstream).pause();
  upstream.unpipe(client).pause();
}
