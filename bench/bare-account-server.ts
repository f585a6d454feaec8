/**
 * What a refresh is measured against: a route of Express 5 that verifies the token, uses it and makes its
 * successor on Medallion's own schema, and signs two tokens. Nothing else: no checks of its input, no limits,
 * no judging of used tokens, no logs. `/refresh/transaction` does the SQL step by step in one transaction,
 * `/refresh/statement` by the one statement that Medallion uses; `/nothing` does nothing at all.
 */
import { createSecretKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import express, { type Request, type Response } from 'express';
import jwt from 'jsonwebtoken';
import { Pool } from 'pg';

import { rotateRefreshToken, type AccountSessionState } from '../server/store/refresh-tokens.ts';
import { openSession, rotateStepByStep, type Rotation } from './bare-rotation.ts';

const POOL_SIZE = 10;
const ACCESS_SECONDS = 15 * 60;
const REFRESH_SECONDS = 7 * 24 * 60 * 60;
const SESSION_SECONDS = 30 * 24 * 60 * 60;
const ISSUER = { iss: 'http://localhost', aud: 'bare' };

const key = createSecretKey(randomBytes(32));
const database = new Pool({ connectionString: process.env.DATABASE_URL, max: POOL_SIZE });

const app = express();
app.disable('x-powered-by').disable('etag').use(express.json());
app.post('/sessions', async (req, res) => {
  const { email } = req.body as { email: string };
  res.json(sign(await openSession(database, email)));
});
app.post('/refresh/transaction', (req, res) => refresh(req, res, rotateStepByStep));
app.post('/refresh/statement', (req, res) => refresh(req, res, rotateRefreshToken));

const NOTHING = JSON.stringify({ refresh_token: 'x'.repeat(400), access_token: 'x'.repeat(600) });

const server = createServer((req, res) => {
  if (req.url !== '/nothing') app(req, res);
  else req.resume().once('end', () => res.end(NOTHING));
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`The bare server listens on http://127.0.0.1:${port}`);
});
process.on('SIGTERM', () => process.exit(0));

async function refresh(
  req: Request,
  res: Response,
  rotate: (database: Pool, rotation: Rotation) => Promise<AccountSessionState | null>,
): Promise<void> {
  const { refresh_token } = req.body as { refresh_token: string };
  const { jti } = jwt.verify(refresh_token, key, { algorithms: ['HS256'] }) as { jti: string };
  const now = new Date();
  const seconds = Math.floor(now.getTime() / 1000);
  const state = await rotate(database, {
    jti,
    nonce: randomBytes(9).toString('base64url'),
    device: req.get('user-agent') ?? '',
    issuedAt: new Date(seconds * 1000),
    expiresAt: new Date((seconds + REFRESH_SECONDS) * 1000),
    sessionSeconds: SESSION_SECONDS,
    now,
  });
  if (state === null) res.status(401).json({ detail: 'The refresh token is not valid' });
  else res.json(sign(state));
}

/** The claims of Medallion's tokens. */
function sign(state: AccountSessionState): object {
  const { userId, sessionId, generation, email, role, roles, amr } = state;
  const issuedAt = toSeconds(new Date());
  const common = { sub: String(userId), user_id: userId, sid: sessionId, ...ISSUER };
  const access = {
    ...common,
    jti: `${sessionId}.${generation}.${randomBytes(9).toString('base64url')}`,
    iat: issuedAt,
    exp: issuedAt + ACCESS_SECONDS,
    ...{ email, role, roles, amr, token_type: 'access' },
    auth_time: toSeconds(state.signedInAt),
  };
  const refresh = {
    ...common,
    jti: state.refreshJti,
    iat: toSeconds(state.issuedAt),
    exp: toSeconds(state.expiresAt),
    token_type: 'refresh',
  };
  return {
    access_token: jwt.sign(access, key, { algorithm: 'HS256' }),
    refresh_token: jwt.sign(refresh, key, { algorithm: 'HS256' }),
    token_type: 'bearer',
    expires_in: ACCESS_SECONDS,
  };
}

function toSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000);
}
