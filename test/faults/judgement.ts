import type { ProbeAnswer } from './probes.ts';
import type { Scenario } from './scenario.ts';
import type { Honest, Stage, Victim } from './stage.ts';
import { LEASE_MS } from './world.ts';

/** What one scenario came to. */
export interface Row {
  name: string;
  lastFrameMs: number;
  closeMs: number;
  /** Whether those are from the commit; from the request where PostgreSQL committed nothing. */
  isCommitted: boolean;
  codes: string;
  honest: string;
  slowestMs: number;
  slowestDatabaseMs: number;
  complaints: string[];
}

const ANSWER_WITHIN_MS = 1000;
/** A query that PostgreSQL does not answer is given up by then. */
const DATABASE_ANSWER_WITHIN_MS = 6000;
/** From the last frame to the close. */
const CLOSE_WITHIN_MS = 900;
/** Of a socket that lives: no longer than this without an answer to its pings. */
const SILENCE_MS = 1000;

export async function judge(
  { name, claim }: Scenario,
  stage: Stage,
  found: string[],
): Promise<Row> {
  const complaints = [...found];
  const deaths = new Map<string, number>();
  for (const victim of stage.victims) {
    deaths.set(victim.session.sessionId, await deathOf(stage, victim));
  }
  const sinceDeath = ({ session }: Victim, at: number | null) =>
    at === null ? Infinity : at - (deaths.get(session.sessionId) ?? 0);
  const lastFrameMs = Math.max(
    ...stage.victims.map((victim) => sinceDeath(victim, victim.socket.lastFrameAt)),
  );
  const closeMs = Math.max(
    ...stage.victims.map((victim) => sinceDeath(victim, victim.socket.closedAt)),
  );
  if (lastFrameMs > claim.lastFrameMs) complaints.push('a revoked socket was served too long');
  const hasLingered = stage.victims.some(
    ({ socket }) => (socket.closedAt ?? Infinity) > socket.lastFrameAt + CLOSE_WITHIN_MS,
  );
  if (claim.closeMs === undefined ? hasLingered : closeMs > claim.closeMs)
    complaints.push('a revoked socket was closed too late');
  complaints.push(...stage.honest.flatMap((each) => judgeHonest(claim, stage, each)));
  const { answers } = stage.probes;
  for (const answer of answers) {
    const diedAt = deaths.get(answer.sessionId);
    const isDead = diedAt !== undefined && answer.askedAt > diedAt + claim.lastFrameMs;
    complaints.push(...judgeAnswer(answer, { isVictim: diedAt !== undefined, isDead }));
    const isRefused = diedAt === undefined && answer.status === 503;
    if (claim.honest === 'live' && isRefused && answer.kind !== 'database request')
      complaints.push(`${answer.node} refused an honest ${answer.kind}`);
  }
  const isOfDatabase = ({ kind }: ProbeAnswer) => kind === 'database request';
  return {
    name,
    lastFrameMs,
    closeMs,
    isCommitted: stage.victims.every(({ status }) => status !== 503),
    codes: [...new Set(stage.victims.map(({ socket }) => socket.closeCode ?? 'none'))].join(', '),
    honest: describeHonest(stage.honest),
    slowestMs: slowest(answers.filter((answer) => !isOfDatabase(answer))),
    slowestDatabaseMs: slowest(answers.filter(isOfDatabase)),
    complaints: [...new Set(complaints)],
  };
}

/** When its end was committed, as PostgreSQL noted it; where it answered nobody, when its end was asked for. */
async function deathOf({ world }: Stage, { askedAt, status, session }: Victim): Promise<number> {
  if (askedAt === null) throw new Error('a victim was forgotten');
  if (status === 503) return askedAt;
  const [row] = await world.postgres.query<{ at: string }>(
    `SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 AS at
     FROM revocations WHERE session_id = $1`,
    [session.sessionId],
  );
  if (row === undefined) throw new Error(`a revocation answered ${status} was not committed`);
  return Number(row.at);
}

function judgeHonest(
  { honest }: Scenario['claim'],
  { startedAt }: Stage,
  { node, socket }: Honest,
): string[] {
  if (node.process.child.signalCode !== null) return [];
  const isGated = typeof honest === 'object' && 'mustBeGated' in honest;
  if (isGated && honest.mustBeGated.includes(node.name)) {
    const isInTime = socket.lastFrameAt <= startedAt + LEASE_MS;
    return socket.closeCode === 1013 && isInTime
      ? []
      : [`the honest socket on ${node.name} was not gated in time and closed with 1013`];
  }
  const mayBeLost =
    typeof honest === 'object' && 'mayBeLost' in honest && honest.mayBeLost.includes(node.name);
  if (mayBeLost) return [];
  const lives = socket.isOpen && Date.now() - socket.lastFrameAt < SILENCE_MS;
  const hasOutlived = socket.lastFrameAt > startedAt + LEASE_MS;
  return lives && hasOutlived ? [] : [`the honest socket on ${node.name} was lost`];
}

function judgeAnswer(
  { node, kind, ms, status }: ProbeAnswer,
  { isVictim, isDead }: { isVictim: boolean; isDead: boolean },
): string[] {
  const complaints: string[] = [];
  const limitMs = kind === 'database request' ? DATABASE_ANSWER_WITHIN_MS : ANSWER_WITHIN_MS;
  if (ms > limitMs) complaints.push(`${node} took too long for a ${kind}`);
  const allowed = [503];
  if (isVictim) allowed.push(401);
  if (!isDead) allowed.push(kind === 'handshake' ? 101 : 200);
  if (!allowed.includes(status)) {
    const whose = isDead ? 'a revoked' : isVictim ? 'a dying' : 'an honest';
    complaints.push(`${node} answered ${whose} token's ${kind} with ${status}`);
  }
  return complaints;
}

function describeHonest(all: Honest[]): string {
  return all
    .filter(({ node }) => node.process.child.signalCode === null)
    .map(({ node, socket }) =>
      socket.isOpen
        ? `${node.name} lives (${socket.longestSilenceMs} ms)`
        : `${node.name} closed ${socket.closeCode ?? ''}`,
    )
    .join(', ');
}

function slowest(answers: ProbeAnswer[]): number {
  return Math.max(0, ...answers.map(({ ms }) => ms));
}

/** Of a scenario that could not be played. */
export function brokenRow(name: string, error: unknown): Row {
  return {
    name,
    lastFrameMs: Infinity,
    closeMs: Infinity,
    isCommitted: true,
    codes: '',
    honest: '',
    slowestMs: Infinity,
    slowestDatabaseMs: Infinity,
    complaints: [error instanceof Error ? error.message : String(error)],
  };
}
