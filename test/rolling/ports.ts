import { createServer } from 'node:net';

/** Below those that the system gives to connections: one that is left for a moment is still there after it. */
const FIRST = 20_000;
const PORTS = 12_000;
const ATTEMPTS = 50;

/** A port that nobody listens at. */
export async function findPort(): Promise<number> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port is free between ${FIRST} and ${FIRST + PORTS}.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
