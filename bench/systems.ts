import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { launchServer, untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { medallionEnvironment, post, type Services } from './services.ts';

/** How a client opens a socket. */
export interface Handshake {
  url: string;
  headers: Record<string, string>;
}

/** A session with one way to open its sockets, and one to end it through the other node. */
export interface Session {
  handshake: Handshake;
  logout: { url: string; headers: Record<string, string>; body: string };
}

/** Two processes that end sessions for each other: logouts go to one, the sockets are on the other. */
export interface System {
  name: string;
  nodes: ServerProcess[];
  /** How many sockets each of the sessions holds that nobody logs out. */
  socketsPerSession: number;
  createSession: () => Promise<Session>;
}

const BARE_SERVER = join(import.meta.dirname, 'bare-revocation-server.ts');

export async function startBareSystem(services: Services): Promise<System> {
  const env = { DATABASE_URL: services.databaseUrl, REDIS_URL: services.redisUrl };
  // One after the other: both create the table unless it exists.
  const a = await untilListening(launchBare(services, env));
  const b = await untilListening(launchBare(services, env));
  return {
    name: 'bare server',
    nodes: [a, b],
    socketsPerSession: 1,
    createSession: () => {
      const query = `?session=${randomBytes(16).toString('base64url')}`;
      return Promise.resolve({
        handshake: { url: `${b.url.replace('http', 'ws')}/${query}`, headers: {} },
        logout: { url: `${a.url}/${query}`, headers: {}, body: '' },
      });
    },
  };
}

function launchBare({ directory }: Services, env: Record<string, string>): ServerProcess {
  return launchServer({ env, cwd: directory, program: BARE_SERVER });
}

/** As in production, with its logs, but for the limits that would keep one machine from signing in so often. */
export async function startMedallion(services: Services): Promise<System> {
  const sms = await startSmsGateway();
  const env = medallionEnvironment(services, sms.url);
  const launch = () => untilListening(launchServer({ env, cwd: services.directory }));
  const [a, b] = await Promise.all([launch(), launch()]);
  let users = 0;
  return {
    name: 'Medallion',
    nodes: [a, b],
    socketsPerSession: 10,
    createSession: async () => {
      const phoneNumber = `+1415${String(2_000_000 + users++)}`;
      const headers = { authorization: `Bearer ${await signIn(a.url, phoneNumber, sms)}` };
      return {
        handshake: { url: `${b.url.replace('http', 'ws')}/ws`, headers },
        logout: {
          url: `${a.url}/api/v2/auth/logout`,
          headers,
          body: '',
        },
      };
    },
  };
}

interface SmsGateway {
  url: string;
  takeCode: (phoneNumber: string) => string | undefined;
}

/** Takes the messages that Medallion sends; goes with this process. */
export async function startSmsGateway(): Promise<SmsGateway> {
  const codes = new Map<string, string>();
  const server = createServer((request, response) => {
    void request
      .toArray()
      .then((chunks) => {
        const { to, body } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as {
          to: string;
          body: string;
        };
        codes.set(to, /\d{6}/.exec(body)?.[0] ?? '');
        response.end('{}');
      })
      .catch(() => response.writeHead(400).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  const { port } = server.address() as AddressInfo;
  const takeCode = (phoneNumber: string) => {
    const code = codes.get(phoneNumber);
    codes.delete(phoneNumber);
    return code;
  };
  return { url: `http://127.0.0.1:${port}/sms`, takeCode };
}

export async function signIn(node: string, phone_number: string, sms: SmsGateway): Promise<string> {
  await post(`${node}/api/v2/auth/send-otp`, { phone_number });
  const otp = sms.takeCode(phone_number);
  const tokens = await post(`${node}/api/v2/auth/verify-otp`, { phone_number, otp });
  return (tokens as { access_token: string }).access_token;
}
