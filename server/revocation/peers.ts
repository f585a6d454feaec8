import { z } from 'zod';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { AppContext } from '../context.ts';
import type { LiveRevocation } from '../store/revocations.ts';
import { revocationSchema, type Revocation } from './revocation.ts';

/** Of many peers as many are asked at first: one may be as cut off as we are. */
const ASKED_FIRST = 2;
const PATIENCE_MS = 1900;
/** Whoever cannot read by then says so. */
const READ_PATIENCE_MS = 1500;
/** Those who ask for the same within this are answered by one read, which begins after all of them asked. */
const SHARE_MS = 10;
/** However long a question was under way. */
const SLACK_MS = 5000;

const rowSchema = z.object({
  id: z.string(),
  userId: z.int(),
  sessionId: z.string(),
  generation: z.int().nullable(),
  jti: z.string().nullable(),
  reason: z.string(),
  revocationId: z.string().nullable(),
  revokedAt: z.coerce.date(),
  expiresAt: z.coerce.date(),
});

const messageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ask'),
    nonce: z.string(),
    from: z.string(),
    since: z.string(),
    /** For so long nobody has read for the node that asks. */
    unread_ms: z.int(),
  }),
  z.object({
    type: z.literal('answer'),
    nonce: z.string(),
    from: z.string(),
    /** Null where PostgreSQL does not answer this peer either. */
    read: z.object({ revocations: z.array(rowSchema), readUpTo: z.string() }).nullable(),
    /** Then: what was revoked through this peer meanwhile, whose message may have been lost. */
    own: z.array(revocationSchema).default([]),
  }),
]);

type Message = z.infer<typeof messageSchema>;
export interface PeerRead {
  revocations: LiveRevocation[];
  readUpTo: string;
}

/** A peer's proof; or that every one of them is as cut off from PostgreSQL as we are; or that nobody could tell. */
export type PeerAnswer = PeerRead | 'all cut off' | 'no answer';

export interface Unread {
  /** The oldest transaction that may still have been running at the last read. */
  since: string;
  /** How long ago that was. */
  forMs: number;
}

/** What a node can tell one that asks. */
export interface Teller {
  /** Reads anew from PostgreSQL. */
  read: (since: string) => Promise<PeerRead>;
  /** What was revoked through this node in the last so many milliseconds. */
  listOwn: (forMs: number) => Revocation[];
  /** Acts on what a peer told. */
  learnOwn: (revocations: readonly Revocation[]) => void;
}

interface Question {
  unread: Unread;
  waitingFor: Set<string>;
  notAskedYet: string[];
  resolve: (answer: PeerAnswer) => void;
}

type PeersContext = Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;

/** What nodes ask of each other, through the ephemeral store, when PostgreSQL does not answer one of them. */
export class Peers {
  readonly #ctx: PeersContext;
  readonly #id: string;
  readonly #questions = new Map<string, Question>();
  readonly #reads = new Map<string, Promise<PeerRead | null>>();
  readonly #teller: Teller;

  constructor(ctx: PeersContext, nodeId: string, teller: Teller) {
    this.#ctx = ctx;
    this.#id = nodeId;
    this.#teller = teller;
  }

  start(): void {
    this.#ctx.ephemeral.subscribe(channelOf(this.#id), {
      onMessage: (text) => {
        void this.#receive(text);
      },
      onSubscribed: () => undefined,
    });
  }

  /**
   * Asks some of the peers to read from PostgreSQL in our place, and all of them where those cannot either. Whatever a
   * peer reads it reads after this call.
   */
  async ask(peerIds: readonly string[], unread: Unread): Promise<PeerAnswer> {
    if (peerIds.length === 0) return 'all cut off';
    const nonce = generateOpaqueToken();
    const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
    const others = shuffle(peerIds);
    const first = others.splice(0, ASKED_FIRST);
    this.#questions.set(nonce, {
      unread,
      waitingFor: new Set(first),
      notAskedYet: others,
      resolve,
    });
    const cancel = this.#ctx.clock.after(PATIENCE_MS, () => {
      resolve('no answer');
    });
    for (const id of first) this.#ask(id, nonce, unread);
    const answer = await promise;
    cancel();
    this.#questions.delete(nonce);
    return answer;
  }

  #ask(id: string, nonce: string, { since, forMs }: Unread): void {
    const unread_ms = Math.ceil(forMs);
    this.#send(id, { type: 'ask', nonce, from: this.#id, since, unread_ms });
  }

  #send(id: string, message: Message): void {
    // Nobody waits for it: a message that is lost is an answer that does not come.
    this.#ctx.ephemeral.publish(channelOf(id), JSON.stringify(message)).catch(() => undefined);
  }

  async #receive(text: string): Promise<void> {
    const message = parse(text);
    if (message === null) this.#ctx.log.error('a message of a node could not be read');
    else if (message.type === 'answer') this.#hear(message);
    else {
      const read = await this.#readShared(message.since);
      // After the read, so that what was committed while it hung is told.
      const own = read === null ? this.#teller.listOwn(message.unread_ms + SLACK_MS) : [];
      this.#send(message.from, { type: 'answer', nonce: message.nonce, from: this.#id, read, own });
    }
  }

  #hear({ nonce, from, read, own }: Extract<Message, { type: 'answer' }>): void {
    const question = this.#questions.get(nonce);
    if (question === undefined) return;
    if (read !== null) {
      question.resolve(read);
      return;
    }
    this.#teller.learnOwn(own);
    question.waitingFor.delete(from);
    for (const id of question.notAskedYet.splice(0)) {
      question.waitingFor.add(id);
      this.#ask(id, nonce, question.unread);
    }
    if (question.waitingFor.size === 0) question.resolve('all cut off');
  }

  #readShared(since: string): Promise<PeerRead | null> {
    const known = this.#reads.get(since);
    if (known !== undefined) return known;
    const read = this.#readSoon(since);
    this.#reads.set(since, read);
    return read;
  }

  async #readSoon(since: string): Promise<PeerRead | null> {
    const { clock } = this.#ctx;
    await new Promise<void>((resolve) => {
      clock.after(SHARE_MS, resolve);
    });
    this.#reads.delete(since);
    const { promise: patience, resolve } = Promise.withResolvers<null>();
    const cancel = clock.after(READ_PATIENCE_MS, () => {
      resolve(null);
    });
    try {
      return await Promise.race([this.#teller.read(since), patience]);
    } catch {
      return null;
    } finally {
      cancel();
    }
  }
}

function channelOf(nodeId: string): string {
  return `medallion:node:${nodeId}`;
}

function parse(text: string): Message | null {
  try {
    return messageSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

function shuffle(ids: readonly string[]): string[] {
  return ids
    .map((id) => [Math.random(), id] as const)
    .sort(([one], [other]) => one - other)
    .map(([, id]) => id);
}
