/**
 * What cookie sessions are measured against: an app of Express 5 with express-session and connect-pg-simple, as their
 * pages say to set them up, on the same table of users. `/me` reads the user of the session, `/session` nothing. Below
 * `/untouched` the use of a session is not noted, which is not the default.
 */
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';

import connectPgSimple from 'connect-pg-simple';
import express, { Router } from 'express';
import session from 'express-session';
import { Pool } from 'pg';

import { USER_COLUMNS } from '../server/store/users.ts';

declare module 'express-session' {
  interface SessionData {
    userId: number;
  }
}

const POOL_SIZE = 10;
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

const pool = new Pool({ connectionString: process.env.DATABASE_URL, max: POOL_SIZE });
const Store = connectPgSimple(session);
const secret = randomBytes(32).toString('hex');

const app = express();
app.disable('x-powered-by').disable('etag');
app.use('/untouched', createRouter({ disableTouch: true }));
app.use(createRouter({ disableTouch: false }));

function createRouter({ disableTouch }: { disableTouch: boolean }): Router {
  const router = Router();
  router.use(
    session({
      store: new Store({ pool, createTableIfMissing: true, disableTouch }),
      secret,
      name: 'session_id',
      resave: false,
      saveUninitialized: false,
      cookie: { httpOnly: true, sameSite: 'lax', maxAge: WEEK_MS },
    }),
  );
  router.post('/login/:userId', (req, res) => {
    req.session.userId = Number(req.params.userId);
    res.json({ id: req.session.userId });
  });
  router.get('/me', async (req, res) => {
    const { rows } = await pool.query<object>({
      name: 'user',
      text: `SELECT ${USER_COLUMNS} FROM users WHERE id = $1`,
      values: [req.session.userId],
    });
    if (rows[0] === undefined) res.status(401).json({ detail: 'Sign in' });
    else res.json(rows[0]);
  });
  router.get('/session', (req, res) => {
    res.json({ id: req.session.userId });
  });
  return router;
}

const server = app.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  console.log(`The app with express-session listens on http://127.0.0.1:${port}`);
});
process.on('SIGTERM', () => process.exit(0));
