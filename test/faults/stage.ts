import { setTimeout as sleep } from 'node:timers/promises';
import { PingingSocket, signIn, type Session } from './clients.ts';
import { Probes } from './probes.ts';
import type { Node, World } from './world.ts';

/** Ended one after the other while the fault lasts, so that they fall into all parts of the proof's interval. */
const VICTIMS = 4;
const REVOKE_EVERY_MS = 550;
/** By then every node has heard from PostgreSQL of all others. */
const ACQUAINTANCE_MS = 2500;

/** A session that is ended during the fault, and its socket on node B. */
export interface Victim {
  session: Session;
  socket: PingingSocket;
  /** When its end was asked for. */
  askedAt: number | null;
  /** How that was answered; null where whoever was asked died over it. */
  status: number | null;
}

/** A session that nobody ends, and its socket. */
export interface Honest {
  node: Node;
  session: Session;
  socket: PingingSocket;
}

/** What a scenario plays with. */
export class Stage {
  readonly world: World;
  readonly victims: Victim[];
  readonly honest: Honest[];
  readonly probes = new Probes();
  startedAt = 0;

  private constructor(world: World, victims: Victim[], honest: Honest[]) {
    this.world = world;
    this.victims = victims;
    this.honest = honest;
  }

  static async set(world: World): Promise<Stage> {
    const [a, b] = world.nodes;
    if (a === undefined || b === undefined) throw new Error('a scenario has two nodes at least');
    const victims: Victim[] = [];
    while (victims.length < VICTIMS) {
      const session = await signIn(a.url);
      victims.push({
        session,
        socket: await openIn(world, b, session),
        askedAt: null,
        status: null,
      });
    }
    const honest: Honest[] = [];
    for (const node of world.nodes) {
      const session = await signIn(node.url);
      honest.push({ node, session, socket: await openIn(world, node, session) });
    }
    await sleep(ACQUAINTANCE_MS);
    const stage = new Stage(world, victims, honest);
    const [oneHonest] = honest;
    const [oneVictim] = victims;
    const asking = [oneHonest, oneVictim].flatMap((each) => (each ? [each.session] : []));
    stage.probes.start(world.nodes, asking);
    world.scope.onEnd(() => {
      stage.probes.stop();
    });
    stage.begin();
    return stage;
  }

  /** The fault begins now. */
  begin(): void {
    this.startedAt = Date.now();
  }

  /** The node that revocations go through. */
  get a(): Node {
    return this.#node(0);
  }

  /** The node that holds the sockets that they end. */
  get b(): Node {
    return this.#node(1);
  }

  /** A third one, where the scenario has it. */
  get c(): Node {
    return this.#node(2);
  }

  /** Logs every victim out, one after the other. */
  async revokeAll(via: Node = this.a): Promise<void> {
    const answered: Promise<void>[] = [];
    for (const victim of this.victims) {
      answered.push(this.revoke(victim, via));
      await sleep(REVOKE_EVERY_MS);
    }
    await Promise.all(answered);
  }

  async revoke(victim: Victim, via: Node = this.a): Promise<void> {
    victim.askedAt = Date.now();
    try {
      const answer = await fetch(`${via.url}/api/v2/auth/logout`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${victim.session.accessToken}`,
          'content-type': 'application/json',
        },
        body: '{}',
      });
      victim.status = answer.status;
      await answer.arrayBuffer();
    } catch {
      victim.status = null;
    }
  }

  /** Until the fault has lasted so long. */
  async until(elapsedMs: number): Promise<void> {
    await sleep(Math.max(0, this.startedAt + elapsedMs - Date.now()));
  }

  kill(node: Node): void {
    this.probes.pause(node);
    node.process.child.kill('SIGKILL');
  }

  async untilClosed(deadline: number): Promise<void> {
    const isWaiting = () => this.victims.some(({ socket }) => socket.isOpen);
    while (isWaiting() && Date.now() < deadline) await sleep(20);
  }

  #node(index: number): Node {
    const node = this.world.nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node;
  }
}

async function openIn({ scope }: World, node: Node, session: Session): Promise<PingingSocket> {
  return scope.start(PingingSocket.open(node.url, session), (socket) => {
    socket.end();
  });
}
