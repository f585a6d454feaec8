import { z } from 'zod';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import type { AppContext } from '../context.ts';
import type { ProofRead } from '../store/nodes.ts';
import { revocationSchema, type Revocation } from './revocation.ts';

/** Of many peers as many are asked at first: one may be as cut off as we are. */
const ASKED_FIRST = 2;
const PATIENCE_MS = 1900;
/** Whoever cannot read by then says so. */
const READ_PATIENCE_MS = 1500;
/** Those who ask for the same within this are answered by one read, which begins after all of them asked. */
const SHARE_MS = 10;

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
    /** How long ago PostgreSQL was last read for who asks. */
    readMsAgo: z.number(),
  }),
  z.object({
    type: z.literal('read'),
    nonce: z.string(),
    from: z.string(),
    read: z.object({
      revocations: z.array(rowSchema),
      readUpTo: z.string(),
      peerIds: z.array(z.string()),
    }),
  }),
  // PostgreSQL does not answer this peer either: what it has heard meanwhile, and of whom.
  z.object({
    type: z.literal('cut off'),
    nonce: z.string(),
    from: z.string(),
    heard: z.array(revocationSchema),
    peerIds: z.array(z.string()),
  }),
]);

type Message = z.infer<typeof messageSchema>;
type MessageOf<Type extends Message['type']> = Extract<Message, { type: Type }>;

/** Every peer is as cut off from PostgreSQL as we are; what they have heard is all that was committed through them. */
export interface AllCutOff {
  heard: Revocation[];
}

/** What a peer has read; or that all are cut off; or that nobody could tell. */
export type PeerAnswer = ProofRead | AllCutOff | 'no answer';

/** What a peer is asked for. */
export interface Wanted {
  /** The transaction to read on from. */
  since: string;
  readMsAgo: number;
}

/** What this node can tell its peers. */
export interface OwnKnowledge {
  /** Reads anew from PostgreSQL. */
  read: (since: string) => Promise<ProofRead>;
  heardWithin: (ms: number) => Revocation[];
  peerIds: () => readonly string[];
}

interface Question {
  wanted: Wanted;
  asked: Set<string>;
  waitingFor: Set<string>;
  notAskedYet: string[];
  heard: Revocation[];
  resolve: (answer: PeerAnswer) => void;
}

type PeersContext = Pick<AppContext, 'ephemeral' | 'clock' | 'log'>;

/** What nodes ask of each other, through the ephemeral store, when PostgreSQL does not answer one of them. */
export class Peers {
  readonly #ctx: PeersContext;
  readonly #id: string;
  readonly #questions = new Map<string, Question>();
  readonly #reads = new Map<string, Promise<ProofRead | null>>();
  readonly #own: OwnKnowledge;

  constructor(ctx: PeersContext, nodeId: string, own: OwnKnowledge) {
    this.#ctx = ctx;
    this.#id = nodeId;
    this.#own = own;
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
  async ask(peerIds: readonly string[], wanted: Wanted): Promise<PeerAnswer> {
    // Whoever knows no other asks itself, as all ask: by way of the store. What comes back shows that it would hear of a
    // node that has started since.
    const isAlone = peerIds.length === 0;
    const nonce = generateOpaqueToken();
    const { promise, resolve } = Promise.withResolvers<PeerAnswer>();
    const others = shuffle(isAlone ? [this.#id] : peerIds);
    const first = others.splice(0, ASKED_FIRST);
    const question = {
      wanted,
      asked: new Set(isAlone ? [] : [this.#id]),
      waitingFor: new Set<string>(),
      notAskedYet: others,
      heard: [],
      resolve,
    };
    this.#questions.set(nonce, question);
    const cancel = this.#ctx.clock.after(PATIENCE_MS, () => {
      resolve('no answer');
    });
    this.#ask(first, nonce, question);
    const answer = await promise;
    cancel();
    this.#questions.delete(nonce);
    return answer;
  }

  #ask(ids: readonly string[], nonce: string, { wanted, asked, waitingFor }: Question): void {
    for (const id of ids) {
      if (asked.has(id)) continue;
      asked.add(id);
      waitingFor.add(id);
      this.#send(id, { type: 'ask', nonce, from: this.#id, ...wanted });
    }
  }

  #send(id: string, message: Message): void {
    // Nobody waits for it: a message that is lost is an answer that does not come.
    this.#ctx.ephemeral.publish(channelOf(id), JSON.stringify(message)).catch(() => undefined);
  }

  async #receive(text: string): Promise<void> {
    const message = parse(text);
    if (message === null) this.#ctx.log.error('a message of a node could not be read');
    else if (message.type === 'ask') await this.#answer(message);
    else if (message.type === 'read')
      this.#questions.get(message.nonce)?.resolve(withPeer(message));
    else this.#hearCutOff(message);
  }

  async #answer({ nonce, from: asker, since, readMsAgo }: MessageOf<'ask'>): Promise<void> {
    const read = await this.#readShared(since);
    const from = this.#id;
    if (read !== null) {
      this.#send(asker, { type: 'read', nonce, from, read });
      return;
    }
    // Whoever still waits for this asked no longer ago than its patience.
    const heard = this.#own.heardWithin(readMsAgo + PATIENCE_MS + READ_PATIENCE_MS);
    const peerIds = [...this.#own.peerIds()];
    this.#send(asker, { type: 'cut off', nonce, from, heard, peerIds });
  }

  #hearCutOff({ nonce, from, heard, peerIds }: MessageOf<'cut off'>): void {
    const question = this.#questions.get(nonce);
    if (question === undefined) return;
    question.waitingFor.delete(from);
    // What this node itself has heard it has acted on.
    if (from !== this.#id) question.heard.push(...heard);
    this.#ask([...question.notAskedYet.splice(0), ...peerIds], nonce, question);
    if (question.waitingFor.size === 0) question.resolve({ heard: question.heard });
  }

  #readShared(since: string): Promise<ProofRead | null> {
    const known = this.#reads.get(since);
    if (known !== undefined) return known;
    const read = this.#readSoon(since);
    this.#reads.set(since, read);
    return read;
  }

  async #readSoon(since: string): Promise<ProofRead | null> {
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
      return await Promise.race([this.#own.read(since), patience]);
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

/** The peer is not in the list that it read: that names its own peers. */
function withPeer({ from, read }: MessageOf<'read'>): ProofRead {
  return { ...read, peerIds: [...read.peerIds, from] };
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
