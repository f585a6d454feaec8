import { join } from 'node:path';

import type { CleanUp } from '../scripts/clean-up.ts';
import { launchServer, untilListening } from '../scripts/server-process.ts';
import { deriveKey } from '../server/crypto/keyed-hash.ts';
import { PasswordHasher } from '../server/crypto/password-hash.ts';
import { migrate } from '../server/store/database.ts';
import type { HashJob } from './bare-hash.ts';
import { ask, createDatabase, medallionEnvironment, post, type Services } from './services.ts';

const PASSWORD = 'Tall Giraffe 7 eats';
const USERS = 2000;
/** Nobody signs in with a number here. */
const NO_SMS = 'http://127.0.0.1:9/sms';

/** One node of Medallion and the bare server, each with a database of its own that holds the same users. */
export interface AccountSystems {
  medallionUrl: string;
  bareUrl: string;
  /** What a login verifies. */
  password: Pick<HashJob, 'hash' | 'password' | 'pepper'>;
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
}

export async function startAccountSystems(
  services: Services,
  start: CleanUp['start'],
): Promise<AccountSystems> {
  const env = medallionEnvironment(services, NO_SMS);
  const bareUrl = await createDatabase(services.databaseUrl, 'bare');
  const bareEnv = { NODE_ENV: 'production', DATABASE_URL: bareUrl };
  const password = await hashPassword(env.HASH_PEPPER);
  for (const url of [services.databaseUrl, bareUrl]) await makeUsers(url, password.hash);
  const cwd = services.directory;
  const program = join(import.meta.dirname, 'bare-account-server.ts');
  const [medallion, bare] = [
    await start(untilListening(launchServer({ env, cwd })), (server) => server.stop()),
    await start(untilListening(launchServer({ env: bareEnv, cwd, program })), (server) =>
      server.stop(),
    ),
  ];
  return { medallionUrl: medallion.url, bareUrl: bare.url, password };
}

async function hashPassword(secret: string): Promise<AccountSystems['password']> {
  const pepper = deriveKey(secret, 'password').export();
  const hasher = new PasswordHasher({ pepper, concurrency: 1, maxWaiting: 1 });
  const hash = await hasher.hash(PASSWORD);
  return { hash, password: PASSWORD, pepper: pepper.toString('base64') };
}

/** Users with the same password, and the same hash of it. */
async function makeUsers(databaseUrl: string, hash: string): Promise<void> {
  await migrate(databaseUrl);
  await ask(
    databaseUrl,
    `INSERT INTO users (email, username, roles, password_hash, created_at)
     SELECT 'rider' || n || '@example.com', 'rider' || n, '{rider}', $1, now()
     FROM generate_series(1, ${USERS}) AS n`,
    [hash],
  );
  await ask(databaseUrl, 'VACUUM ANALYZE');
}

/** Logs in through the API. */
export async function logIn(medallionUrl: string, user: number): Promise<Tokens> {
  return (await post(`${medallionUrl}/api/auth/login`, toLogin(user))) as Tokens;
}

/** A session of the bare server's. */
export async function openBareSession(bareUrl: string, user: number): Promise<Tokens> {
  return (await post(`${bareUrl}/sessions`, { email: toLogin(user).email })) as Tokens;
}

/** Every user's login, dealt out to so many clients. */
export function dealLogins(clients: number): string[][] {
  return Array.from({ length: clients }, (_client, index) => {
    const logins = [];
    for (let user = index + 1; user <= USERS; user += clients) {
      logins.push(JSON.stringify(toLogin(user)));
    }
    return logins;
  });
}

function toLogin(user: number) {
  return { email: `rider${user}@example.com`, password: PASSWORD };
}
