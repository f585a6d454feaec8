import { randomBytes } from 'node:crypto';
import { join } from 'node:path';

import { createKeysOfBothKinds } from '../server/crypto/token-keys.ts';
import { generateAccessToken } from '../server/crypto/phone-tokens.ts';
import { generateOpaqueToken } from '../server/crypto/opaque-token.ts';
import { launchServer, untilListening, type ServerProcess } from '../scripts/server-process.ts';
import jsonwebtoken from 'jsonwebtoken';
import { medallionEnvironment, type Services } from './services.ts';

/** A server that holds authenticated sockets. */
export interface SocketSystem {
  name: string;
  path: string;
  launch: () => Promise<ServerProcess>;
  /** So many tokens that it accepts, each of a user and a session of its own. */
  tokens: (count: number) => string[];
}

const HOUR_SECONDS = 60 * 60;
const TELLS_MEMORY = `--import ${join(import.meta.dirname, 'tell-memory.ts')}`;

/** Medallion, as in production and with its logs, and the bare server. */
export async function socketSystems(services: Services): Promise<[SocketSystem, SocketSystem]> {
  const env = {
    ...medallionEnvironment(services, 'http://127.0.0.1:9'),
    // As behind a load balancer, which is where it stands.
    TRUST_PROXY: '1',
    NODE_OPTIONS: TELLS_MEMORY,
  };
  const { directory: cwd } = services;
  const parties = { issuer: 'bench', audience: 'bench' };
  const secret = { algorithm: 'HS256' as const, secret: env.JWT_SECRET_KEY };
  const { phoneKeys } = await createKeysOfBothKinds(parties, [secret]);
  const issuedAt = Math.floor(Date.now() / 1000);
  const life = { issuedAt, expiresAt: issuedAt + HOUR_SECONDS };
  const medallion: SocketSystem = {
    name: 'Medallion',
    path: '/ws',
    launch: () => untilListening(launchServer({ env, cwd })),
    tokens: (count) =>
      Array.from({ length: count }, (_, index) => {
        const subject = {
          userId: index + 1,
          phoneNumber: `+1415${String(2_000_000 + index)}`,
          role: 'rider' as const,
          sessionId: generateOpaqueToken(),
          generation: 1,
        };
        return generateAccessToken(phoneKeys, subject, life).token;
      }),
  };
  const bareSecret = randomBytes(32).toString('hex');
  const bareEnv = { JWT_SECRET_KEY: bareSecret, NODE_OPTIONS: TELLS_MEMORY };
  const program = join(import.meta.dirname, 'bare-socket-server.ts');
  const bare: SocketSystem = {
    name: 'bare server',
    path: '/',
    launch: () => untilListening(launchServer({ env: bareEnv, cwd, program })),
    tokens: (count) =>
      Array.from({ length: count }, (_, index) => {
        const claims = { user_id: index + 1, role: 'rider', iat: issuedAt, exp: life.expiresAt };
        return jsonwebtoken.sign({ ...claims, jti: generateOpaqueToken() }, bareSecret);
      }),
  };
  return [medallion, bare];
}
