import { recordAudit, type Client } from '../audit.ts';
import type { Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import { newDeviceMail } from '../messaging/mails.ts';
import {
  announceEnd,
  endWithin,
  type EndSessionsContext,
  type EndSessionsInput,
} from '../revocation/end-sessions.ts';
import { afterCommit, inTransaction, type Trx } from '../store/database.ts';
import { deviceOf } from '../store/device.ts';
import { noteDevice } from '../store/known-devices.ts';
import type { EndedSession } from '../store/session-ends.ts';
import { insertSession, listSessionsOverLimit, type NewSession } from '../store/sessions.ts';
import { isBarred, recordLogin, type User } from '../store/users.ts';
import { createChallenge, type Challenge, type PendingSignIn } from './second-factor-challenge.ts';

export type OpenSessionContext = EndSessionsContext & Pick<AppContext, 'mails' | 'codeHashKey'>;

/** Of a session that was opened with two factors (RFC 8176). */
export const SECOND_FACTOR_AMR = ['otp', 'mfa'];

/** What a sign-in, in whatever way, has found out: who, and in which role. */
interface SignIn {
  user: User;
  role: Role;
  client: Client;
  session: Pick<
    NewSession,
    'id' | 'kind' | 'deviceName' | 'amr' | 'refreshJti' | 'cookieHash' | 'issuedAt' | 'expiresAt'
  >;
  /** What it takes to go on when a second factor has been shown; null where there is no second step. */
  pending: PendingSignIn | null;
  /** A session of the same user that the new one takes the place of. */
  replacedSessionId?: string | null;
}

/** A session that has been made, and those that had to make room for it. */
interface Opened {
  user: User;
  ends: SessionsEnd[];
}

/** What was ended within the transaction, and is told after it. */
interface SessionsEnd {
  end: EndSessionsInput;
  ended: EndedSession[];
}

/**
 * Runs the last step of a sign-in in one transaction: `identify` locks the user and says who it is, then the
 * session is made. Sessions that were pushed out for it are dead on every node when this resolves.
 * Every sign-in of every surface comes through here: where the user has a second factor that was not shown,
 * there is no session, but a challenge or, on a surface without a second step, a refusal.
 * @throws what `identify` throws; `two_factor_required`, `account_disabled`, `session_limit_reached`, `service_unavailable`
 */
export async function signIn<Found extends SignIn>(
  ctx: OpenSessionContext,
  identify: (trx: Trx) => Promise<Found>,
): Promise<Found | Challenge> {
  const { found, opened } = await inTransaction(ctx.db, async (trx) => {
    const found = await identify(trx);
    const isRefused = isBarred(found.user, new Date(ctx.clock.now()));
    if (isRefused) throw new Refusal(found, new AppError('account_disabled'));
    const needsSecondFactor = found.user.totpEnabled && !found.session.amr.includes('mfa');
    if (needsSecondFactor) await recordSecondFactorDue(ctx, trx, found);
    return { found, opened: needsSecondFactor ? null : await openSession(ctx, trx, found) };
  }).catch(async (error: unknown) => {
    if (error instanceof Refusal) await recordRefusal(ctx, error);
    throw error instanceof Refusal ? error.answer : error;
  });
  if (opened === null) {
    if (found.pending === null) throw new AppError('two_factor_required');
    return createChallenge(ctx, found.pending);
  }
  await Promise.all(opened.ends.map(({ end, ended }) => announceEnd(ctx, end, ended)));
  return { ...found, user: opened.user };
}

async function recordSecondFactorDue(
  ctx: OpenSessionContext,
  trx: Trx,
  { user, client, session }: SignIn,
): Promise<void> {
  await recordAudit(ctx, trx, {
    type: 'two_factor_required',
    at: new Date(ctx.clock.now()),
    userId: user.id,
    client,
    details: { amr: session.amr },
  });
}

async function openSession(ctx: OpenSessionContext, trx: Trx, found: SignIn): Promise<Opened> {
  const { user, role, client, session } = found;
  const now = new Date(ctx.clock.now());
  // The replaced one first: it takes up no place.
  const ends = [...(await replaceSession(ctx, trx, found)), ...(await makeRoom(ctx, trx, found))];
  await recordLogin(trx, { userId: user.id, role, now });
  const { ip, userAgent, deviceId } = client;
  await insertSession(trx, { ...session, userId: user.id, role, now, ip, userAgent, deviceId });
  const event = { at: now, userId: user.id, sessionId: session.id, client, details: { role } };
  if (!user.roles.includes(role)) await recordAudit(ctx, trx, { ...event, type: 'role_added' });
  await recordAudit(ctx, trx, { ...event, type: 'login_succeeded' });
  const { isNew } = await noteDevice(trx, { userId: user.id, device: deviceOf(client), now });
  if (isNew) {
    await recordAudit(ctx, trx, { ...event, type: 'new_device_login' });
    afterCommit(trx, () => {
      alert(ctx, found, now);
    });
  }
  const roles = user.roles.includes(role) ? user.roles : [...user.roles, role];
  return { user: { ...user, roles, lastLogin: now }, ends };
}

async function replaceSession(
  ctx: OpenSessionContext,
  trx: Trx,
  { user, client, replacedSessionId = null }: SignIn,
): Promise<SessionsEnd[]> {
  if (replacedSessionId === null) return [];
  const end: EndSessionsInput = {
    selection: { userId: user.id, only: [replacedSessionId] },
    reason: 'replaced',
    event: 'session_replaced',
    client,
  };
  return [{ end, ended: await endWithin(ctx, trx, end) }];
}

/** Under the lock of the user's row: two sign-ins at once do not both find the last place. */
async function makeRoom(ctx: OpenSessionContext, trx: Trx, found: SignIn): Promise<SessionsEnd[]> {
  const { user, role, client } = found;
  const max = ctx.config.maxSessions[role];
  if (max === undefined) return [];
  const now = new Date(ctx.clock.now());
  const over = await listSessionsOverLimit(trx, { userId: user.id, role, max, now });
  if (over.length === 0) return [];
  if (ctx.config.sessionLimitPolicy === 'refuse') {
    throw new Refusal(found, new AppError('session_limit_reached'));
  }
  const end: EndSessionsInput = {
    selection: { userId: user.id, only: over },
    reason: 'replaced',
    event: 'session_evicted',
    client,
  };
  return [{ end, ended: await endWithin(ctx, trx, end) }];
}

function alert(ctx: OpenSessionContext, { user, client, session }: SignIn, at: Date): void {
  if (user.email === null) return;
  const { ip, userAgent } = client;
  ctx.mails.send(user.email, newDeviceMail({ deviceName: session.deviceName, userAgent, ip, at }));
}

/** A sign-in with the right credentials that is refused all the same: undone, and then put on record. */
class Refusal extends Error {
  readonly found: SignIn;
  readonly answer: AppError;

  constructor(found: SignIn, answer: AppError) {
    super(answer.message);
    this.found = found;
    this.answer = answer;
  }
}

function recordRefusal(ctx: OpenSessionContext, { found, answer }: Refusal): Promise<void> {
  const { user, role, client } = found;
  const isLimit = answer.code === 'session_limit_reached';
  return inTransaction(ctx.db, (trx) =>
    recordAudit(ctx, trx, {
      type: isLimit ? 'session_limit_reached' : 'login_refused',
      at: new Date(ctx.clock.now()),
      userId: user.id,
      client,
      details: { role },
    }),
  );
}
