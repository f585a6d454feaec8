import { request, type IncomingMessage } from 'node:http';
import type { Session } from './clients.ts';
import type { Node } from './world.ts';

const PROBE_EVERY_MS = 400;
const PATIENCE_MS = 9000;

type Kind = 'request' | 'handshake' | 'database request';

/** What a node answered: 101 where it opened a socket, 0 where it did not answer. */
export interface ProbeAnswer {
  node: string;
  kind: Kind;
  /** The session that asked. */
  sessionId: string;
  /** On the wall clock. */
  askedAt: number;
  ms: number;
  status: number;
}

const PATHS: Record<Kind, string> = {
  // Needs nothing but what the node knows, and Redis where it answers.
  request: '/api/v2/test/protected',
  handshake: '/ws',
  // Reads the user from PostgreSQL.
  'database request': '/api/v2/auth/me',
};

/** Asks nodes for the same again and again, whether or not they have answered yet. */
export class Probes {
  readonly answers: ProbeAnswer[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #paused = new Set<Node>();

  start(nodes: Node[], sessions: Session[]): void {
    for (const node of nodes) {
      const timer = setInterval(() => {
        if (this.#paused.has(node)) return;
        for (const session of sessions) {
          this.#ask(node, session, 'request');
          this.#ask(node, session, 'handshake');
        }
        const [first] = sessions;
        if (first !== undefined) this.#ask(node, first, 'database request');
      }, PROBE_EVERY_MS);
      this.#timers.push(timer);
    }
  }

  /** A process that stands still, or is dead, owes no answer. */
  pause(node: Node): void {
    this.#paused.add(node);
  }

  resume(node: Node): void {
    this.#paused.delete(node);
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  async settled(): Promise<void> {
    this.stop();
    await Promise.all(this.#pending);
  }

  #ask(node: Node, session: Session, kind: Kind): void {
    const askedAt = Date.now();
    const asking = askOnce(node.url, session, kind).then((status) => {
      // What was on its way when the process was stopped is not the node's fault.
      if (this.#paused.has(node)) return;
      const { sessionId } = session;
      const ms = Date.now() - askedAt;
      this.answers.push({ node: node.name, kind, sessionId, askedAt, ms, status });
    });
    this.#pending.add(asking);
    void asking.finally(() => this.#pending.delete(asking));
  }
}

/** The status of one answer, 0 for none. */
export function askOnce(url: string, { accessToken }: Session, kind: Kind): Promise<number> {
  return new Promise((resolve) => {
    const asking = request(`${url}${PATHS[kind]}`, {
      agent: false,
      headers: {
        authorization: `Bearer ${accessToken}`,
        ...(kind === 'handshake' && {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': Buffer.alloc(16).toString('base64'),
        }),
      },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    asking.on('response', (answer: IncomingMessage) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asking.on('upgrade', (_answer, socket) => {
      socket.destroy();
      resolve(101);
    });
    asking.on('error', () => {
      resolve(0);
    });
    asking.end();
  });
}
