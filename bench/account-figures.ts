import { defaultHashConcurrency } from '../server/crypto/password-hash.ts';
import type { MeRound } from './account-report.ts';
import {
  dealLogins,
  logIn,
  openBareSession,
  type AccountSystems,
  type Tokens,
} from './account-systems.ts';
import type { HashJob, HashResult } from './bare-hash.ts';
import type { ClosedJob, ClosedResult } from './closed-load.ts';
import { alternate, type Plan } from './statistics.ts';
import type { SteadyJob, SteadyResult } from './steady-load.ts';
import type { Worker } from './worker.ts';

export const CHAINS = 32;
export const HASHES_AT_ONCE = defaultHashConcurrency();
/** So many that the hash queue is never empty. */
export const LOGIN_CLIENTS = 2 * HASHES_AT_ONCE + 8;
export const ME_PER_SECOND = 200;
/** The queue is full before the first request is timed, and until after the last. */
const SATURATION_MARGIN_MS = 500;

export interface Workers {
  closed: Worker<ClosedJob, ClosedResult>;
  steady: Worker<SteadyJob, SteadyResult>;
  hash: Worker<HashJob, HashResult>;
}

export interface Bench extends AccountSystems, Workers {}

/** Refreshes a second of each, by round. */
export async function measureRefreshes({ closed, medallionUrl, bareUrl }: Bench, plan: Plan) {
  const openBare = () => openChains((user) => openBareSession(bareUrl, user));
  const medallion = {
    url: `${medallionUrl}/api/auth/refresh`,
    clients: await openChains((user) => logIn(medallionUrl, user)),
  };
  const transaction = { url: `${bareUrl}/refresh/transaction`, clients: await openBare() };
  const statement = { url: `${bareUrl}/refresh/statement`, clients: await openBare() };
  const results = await alternate([medallion, transaction, statement], {
    ...plan,
    measure: async (subject, ms) => {
      const result = await closed.run({ ...subject, ms, isChained: true });
      subject.clients = result.clients;
      return result.perSecond;
    },
  });
  return {
    medallion: results.get(medallion) ?? [],
    transaction: results.get(transaction) ?? [],
    statement: results.get(statement) ?? [],
  };
}

async function openChains(signIn: (user: number) => Promise<Tokens>): Promise<string[][]> {
  const chains: string[][] = [];
  for (let user = 1; user <= CHAINS; user += 1) {
    const { refresh_token } = await signIn(user);
    chains.push([JSON.stringify({ refresh_token })]);
  }
  return chains;
}

/** What the load itself can do, on a server that does nothing. */
export async function measureCeiling({ closed, bareUrl }: Bench, plan: Plan): Promise<number[]> {
  const url = `${bareUrl}/nothing`;
  const clients = await openChains((user) => openBareSession(bareUrl, user));
  const results = await alternate([url], {
    ...plan,
    measure: async (_url, ms) =>
      (await closed.run({ url, clients, ms, isChained: true })).perSecond,
  });
  return results.get(url) ?? [];
}

/** Logins, and hashes without them, a second, by round. */
export async function measureLogins({ closed, hash, medallionUrl, password }: Bench, plan: Plan) {
  const url = `${medallionUrl}/api/auth/login`;
  const clients = dealLogins(LOGIN_CLIENTS);
  const logIn = (ms: number) => closed.run({ url, clients, ms, isChained: false });
  const hashOnly = (ms: number) => hash.run({ ...password, atOnce: HASHES_AT_ONCE, ms });
  const results = await alternate([logIn, hashOnly], {
    ...plan,
    measure: async (measureOne, ms) => (await measureOne(ms)).perSecond,
  });
  return { medallion: results.get(logIn) ?? [], hash: results.get(hashOnly) ?? [] };
}

/** The times of `GET /me`, without and with logins beside it, by round. */
export async function measureMe({ closed, steady, medallionUrl }: Bench, plan: Plan) {
  const { access_token: accessToken } = await logIn(medallionUrl, 1);
  const url = `${medallionUrl}/api/auth/me`;
  const ask = (ms: number) => steady.run({ url, accessToken, perSecond: ME_PER_SECOND, ms });
  const whileIdle = async (ms: number): Promise<MeRound> => ({ ...(await ask(ms)), logins: 0 });
  const whileSaturated = async (ms: number): Promise<MeRound> => {
    const logins = closed.run({
      url: `${medallionUrl}/api/auth/login`,
      clients: dealLogins(LOGIN_CLIENTS),
      ms: ms + 2 * SATURATION_MARGIN_MS,
      isChained: false,
    });
    await new Promise((resolve) => setTimeout(resolve, SATURATION_MARGIN_MS));
    const [times, { perSecond }] = await Promise.all([ask(ms), logins]);
    return { ...times, logins: perSecond };
  };
  const results = await alternate([whileIdle, whileSaturated], {
    ...plan,
    measure: (measureOne, ms) => measureOne(ms),
  });
  return { idle: results.get(whileIdle) ?? [], saturated: results.get(whileSaturated) ?? [] };
}
