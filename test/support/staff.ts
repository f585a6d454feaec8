import { createHash, randomBytes } from 'node:crypto';
import type { Role } from '../../server/config.ts';
import type { Permission } from '../../server/permissions.ts';
import { logIn, register, type Account } from './accounts.ts';
import type { TestApp } from './app.ts';
import { query } from './database.ts';
import type { Tokens } from './phone.ts';

export type Member = Account & Tokens & { userId: number };

/** A new account that holds these roles, and acts in the highest of them. */
export async function signUpAs(app: TestApp, ...roles: Role[]): Promise<Member> {
  const account = await register(app);
  await query('UPDATE users SET roles = $2 WHERE id = $1', [account.userId, roles]);
  return { ...account, ...(await logIn(app, account)) };
}

export interface TestClient {
  name: string;
  secret: string;
  header: { authorization: string };
}

/** An API client and the environment that knows it. */
export function makeApiClient(
  name: string,
  ...permissions: Permission[]
): { client: TestClient; env: Record<string, string> } {
  const secret = randomBytes(32).toString('base64url');
  const hash = createHash('sha256').update(secret).digest('base64url');
  const entry = { name, permissions, secret_hashes: [`sha256:${hash}`] };
  const client = { name, secret, header: basic(name, secret) };
  return { client, env: { API_CLIENTS: JSON.stringify([entry]) } };
}

/** RFC 7617 §2. */
export function basic(name: string, secret: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}` };
}
