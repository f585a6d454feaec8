import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** The network between the app and a service, which a test takes away and gives back. */
export interface TcpProxy {
  /** The service's address by way of the proxy. */
  url: string;
  /** Ends all connections and refuses new ones, as when the service is down. */
  cut: () => void;
  /** Lets no byte through and ends nothing, as when the service hangs. */
  stall: () => void;
  /** From now on the service takes so long for each of its answers. */
  slow: (answerMs: number) => void;
  /** Resolves once a client has said it; the service hears it, and is itself not heard from then on. */
  holdAnswerTo: (said: string) => Promise<void>;
  /** Lets everything through again, what was held up included; to another service if one is given. */
  restore: (targetUrl?: string) => void;
}

interface Pair {
  client: Socket;
  upstream: Socket;
  /** What the service says, on its way. */
  answers: Transform;
}

type State = 'open' | 'cut' | 'stalled';

/** A proxy, and what ends it. */
export async function openProxy(
  targetUrl: string,
): Promise<{ proxy: TcpProxy; close: () => void }> {
  const pairs = new Set<Pair>();
  let state: State = 'open';
  let answerMs = 0;
  const held: Omit<Pair, 'client'>[] = [];
  let target = new URL(targetUrl);
  const server = createServer((client) => {
    client.on('error', () => undefined);
    if (state === 'cut') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const pair = { client, upstream, answers: delay(() => answerMs) };
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
  const url = new URL(targetUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  const proxy: TcpProxy = {
    url: url.href,
    cut: () => {
      state = 'cut';
      end();
    },
    stall: () => {
      state = 'stalled';
      pairs.forEach(part);
    },
    slow: (ms) => {
      answerMs = ms;
    },
    holdAnswerTo: (said) =>
      new Promise((resolve) => {
        for (const { client, upstream, answers } of pairs) {
          const listen = (piece: Buffer): void => {
            if (!piece.includes(said)) return;
            client.off('data', listen);
            upstream.unpipe(answers).pause();
            held.push({ upstream, answers });
            resolve();
          };
          client.on('data', listen);
        }
      }),
    restore: (newTarget) => {
      if (newTarget !== undefined) target = new URL(newTarget);
      if (state === 'stalled') pairs.forEach(join);
      for (const { upstream, answers } of held.splice(0)) upstream.pipe(answers);
      state = 'open';
      answerMs = 0;
    },
  };
  const close = () => {
    server.close();
    end();
  };
  return { proxy, close };
}

function join({ client, upstream, answers }: Pair): void {
  client.pipe(upstream).pipe(answers).pipe(client);
}

function part({ client, upstream, answers }: Pair): void {
  client.unpipe(upstream).pause();
  upstream.unpipe(answers).pause();
  answers.unpipe(client).pause();
}

/** Delivers each piece so much later than it came; their order stays. */
function delay(currentMs: () => number): Transform {
  let lastDue = 0;
  return new Transform({
    transform(piece, _encoding, done) {
      const now = performance.now();
      lastDue = Math.max(now + currentMs(), lastDue);
      if (lastDue <= now) this.push(piece);
      else setTimeout(() => this.destroyed || this.push(piece), lastDue - now);
      done();
    },
    flush(done) {
      setTimeout(done, Math.max(0, lastDue - performance.now()) + 1);
    },
  });
}
