import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import supertest from 'supertest';
import { untilListening, type ServerProcess } from '../scripts/server-process.ts';
import { newAccount } from './support/accounts.ts';
import { testEnvironment } from './support/app.ts';
import { decodePart } from './support/jwt.ts';
import { assertLives, eventually } from './support/live-sockets.ts';
import { bearer, type Tokens } from './support/phone.ts';
import { launch, makeDirectory, signInAt } from './support/processes.ts';
import { connect } from './support/socket.ts';
import { writeKeyFile } from './support/token-keys.ts';

const WORKERS_PER_KIND = 3;
const DONE = /the keys of tokens (are read anew|stay as they were)[^\n]*/;

const newSecret = (): string => randomBytes(32).toString('base64');

interface Node {
  server: ServerProcess;
  directory: string;
}

/** A process that has its keys from the `.env` of its directory alone. */
async function startNode(variables: Record<string, string>): Promise<Node> {
  const directory = makeDirectory();
  const env = await testEnvironment({ env: { LOG_LEVEL: 'info' } });
  delete env.JWT_SECRET_KEY;
  writeDotEnv(directory, variables);
  return { server: await untilListening(launch(env, directory)), directory };
}

function writeDotEnv(directory: string, variables: Record<string, string>): void {
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(directory, '.env'), lines.join(''));
}

/** Gives a node other keys, and resolves with what it says when it has read them. */
async function change(node: Node, variables: Record<string, string>): Promise<string> {
  writeDotEnv(node.directory, variables);
  return hangUp(node);
}

function hangUp({ server }: Node): Promise<string> {
  const said = new Promise<string>((resolve) => {
    let output = '';
    const read = (text: string) => {
      output += text;
      const [line] = DONE.exec(output) ?? [];
      if (line === undefined) return;
      server.child.stdout?.off('data', read);
      resolve(output);
    };
    server.child.stdout?.on('data', read);
  });
  server.child.kill('SIGHUP');
  return said;
}

async function logInAt(url: string): Promise<Tokens> {
  const account = newAccount();
  await supertest(url).post('/api/auth/register').send(account).expect(201);
  const { email, password } = account;
  const answer = await supertest(url).post('/api/auth/login').send({ email, password }).expect(200);
  return answer.body as Tokens;
}

async function open(url: string, path: string, token: string): Promise<void> {
  await supertest(url).get(path).set(bearer(token)).expect(200);
}

async function refresh(url: string, path: string, refresh_token: string): Promise<Tokens> {
  return (await supertest(url).post(path).send({ refresh_token }).expect(200)).body as Tokens;
}

/** Works on all nodes in turn, as one person with one session, until it is told to stop. */
class Worker {
  rounds = 0;
  tokens: Tokens;
  readonly #ended: Promise<void>;
  #isStopped = false;

  constructor(urls: string[], kind: 'account' | 'phone', tokens: Tokens) {
    this.tokens = tokens;
    const api = kind === 'account' ? '/api/auth' : '/api/v2/auth';
    const at = (offset: number) => urls[(this.rounds + offset) % urls.length] ?? '';
    const work = async () => {
      for (; !this.#isStopped; this.rounds++) {
        await open(at(0), `${api}/me`, this.tokens.access_token);
        const renewed = await refresh(at(1), `${api}/refresh`, this.tokens.refresh_token);
        this.tokens = { ...this.tokens, ...renewed };
        await open(at(0), `${api}/me`, this.tokens.access_token);
      }
    };
    this.#ended = work();
    this.#ended.catch(() => undefined); // it is told by whoever waits for a round, and by `stop`
  }

  /** Resolves after two more whole rounds. @throws what a request was refused with */
  async goesOn(): Promise<void> {
    const target = this.rounds + 2;
    await Promise.race([
      this.#ended.then(() => assert.fail('a worker has ended')),
      eventually(() => this.rounds >= target, 'a worker goes on'),
    ]);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }
}

const [oldSecret, es256, eddsa] = [newSecret(), writeKeyFile('ES256'), writeKeyFile('EdDSA')];
/** From a secret to a key, and from that to another: each is made known everywhere before it signs. */
const STEPS: [what: string, variables: Record<string, string>][] = [
  ['the new key is known', { JWT_SECRET_KEY: oldSecret, JWT_PRIVATE_KEY_FILE_PREVIOUS: es256 }],
  [
    'the new key signs',
    { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY_FILE: es256, JWT_SECRET_KEY_PREVIOUS: oldSecret },
  ],
  [
    'the next key is known',
    {
      JWT_ALGORITHM: 'ES256',
      JWT_PRIVATE_KEY_FILE: es256,
      JWT_PRIVATE_KEY_FILE_PREVIOUS: eddsa,
      JWT_SECRET_KEY_PREVIOUS: oldSecret,
    },
  ],
  [
    'the next key signs',
    {
      JWT_ALGORITHM: 'EdDSA',
      JWT_PRIVATE_KEY_FILE: eddsa,
      JWT_PRIVATE_KEY_FILE_PREVIOUS: es256,
      JWT_SECRET_KEY_PREVIOUS: oldSecret,
    },
  ],
];

describe('two nodes under load', () => {
  test('change keys and algorithms one after the other, and refuse nobody', async () => {
    const start = { JWT_SECRET_KEY: oldSecret };
    const nodes = [await startNode(start), await startNode(start)];
    const urls = nodes.map(({ server }) => server.url);
    const [url = ''] = urls;
    const held = { account: await logInAt(url), phone: await signInAt(url) };
    const sockets = await Promise.all(
      urls.flatMap((each) =>
        Object.values(held).map(({ access_token }) => connect(each, access_token)),
      ),
    );
    const workers: Worker[] = [];
    for (let count = 0; count < WORKERS_PER_KIND; count++) {
      workers.push(new Worker(urls, 'account', await logInAt(url)));
      workers.push(new Worker(urls, 'phone', await signInAt(url)));
    }
    for (const [what, variables] of STEPS) {
      for (const node of nodes) {
        assert.match(await change(node, variables), /are read anew/, what);
        await Promise.all(workers.map((worker) => worker.goesOn()));
      }
    }
    await Promise.all(workers.map((worker) => worker.stop()));

    for (const { tokens } of workers) {
      assert.equal(decodePart(tokens.access_token, 'header').alg, 'EdDSA');
    }
    for (const each of urls) {
      await open(each, '/api/auth/me', held.account.access_token);
      await open(each, '/api/v2/auth/me', held.phone.access_token);
    }
    for (const socket of sockets) await assertLives(socket);
    const renewed = await refresh(url, '/api/auth/refresh', held.account.refresh_token);
    assert.equal(decodePart(renewed.access_token, 'header').alg, 'EdDSA');
    const published = await supertest(url).get('/.well-known/jwks.json').expect(200);
    assert.equal((published.body as { keys: unknown[] }).keys.length, 4);
    for (const { server } of nodes) assert.equal(await server.stop(), 0);
  });
});

describe('a node that is told to read its keys anew', () => {
  test('keeps those it has where the new ones cannot be used, and says why', async () => {
    const good = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY_FILE: writeKeyFile('ES256') };
    const node = await startNode(good);
    const { url } = node.server;
    const { access_token, refresh_token } = await logInAt(url);
    const broken = writeKeyFile('ES256');
    writeFileSync(broken, '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n');
    for (const variables of [
      { ...good, JWT_PRIVATE_KEY_FILE: broken },
      { ...good, JWT_PRIVATE_KEY_FILE_PREVIOUS: broken },
      { ...good, JWT_ALGORITHM: 'RS256' },
      { ...good, JWT_PRIVATE_KEY_FILE: '/nowhere/key.pem' },
      { JWT_ALGORITHM: 'EdDSA', JWT_PRIVATE_KEY_FILE: writeKeyFile('EdDSA'), TRUST_PROXY: 'many' },
    ]) {
      const said = await change(node, variables);
      assert.match(said, /stay as they were/);
      assert.match(said, /JWT_PRIVATE_KEY_FILE|TRUST_PROXY/);
      assert.ok(!said.includes('hush'));
      await open(url, '/api/auth/me', access_token);
    }
    const renewed = await refresh(url, '/api/auth/refresh', refresh_token);
    const kidOf = (token: string) => decodePart(token, 'header').kid;
    assert.equal(kidOf(renewed.access_token), kidOf(access_token));
    assert.equal(await node.server.stop(), 0);
  });

  test('takes a file that was exchanged under the same name, and forgets the key that is gone', async () => {
    const file = writeKeyFile('EdDSA');
    const node = await startNode({ JWT_ALGORITHM: 'EdDSA', JWT_PRIVATE_KEY_FILE: file });
    const { url } = node.server;
    const { access_token } = await logInAt(url);
    const other = writeKeyFile('EdDSA');
    assert.match(await change(node, { ALGORITHM: 'EdDSA', JWT_PRIVATE_KEY_FILE: other }), /anew/);
    await supertest(url).get('/api/auth/me').set(bearer(access_token)).expect(401);
    await open(url, '/api/auth/me', (await logInAt(url)).access_token);
    assert.equal(await node.server.stop(), 0);
  });

  test('reads them one time after the other when it is told so many times at once', async () => {
    const keys = { JWT_ALGORITHM: 'RS256', JWT_PRIVATE_KEY_FILE: writeKeyFile('RS256') };
    const node = await startNode(keys);
    const { url } = node.server;
    const { access_token } = await logInAt(url);
    const last = { JWT_ALGORITHM: 'ES256', JWT_PRIVATE_KEY_FILE: writeKeyFile('ES256') };
    const previous = { JWT_PRIVATE_KEY_FILE_PREVIOUS: keys.JWT_PRIVATE_KEY_FILE };
    node.server.child.kill('SIGHUP');
    await change(node, { ...last, ...previous });
    await hangUp(node);
    await open(url, '/api/auth/me', access_token);
    const { alg } = decodePart((await logInAt(url)).access_token, 'header');
    assert.equal(alg, 'ES256');
    assert.equal(await node.server.stop(), 0);
  });
});

describe('a development server without a key of its own', () => {
  test('makes one once and keeps it in its data directory, for its owner alone', async () => {
    const directory = makeDirectory();
    const DATA_DIR = join(directory, 'data');
    const env = await testEnvironment({ env: { DATA_DIR, JWT_ALGORITHM: 'EdDSA' } });
    delete env.JWT_SECRET_KEY;
    const first = await untilListening(launch(env, directory));
    const { access_token } = await logInAt(first.url);
    assert.equal(decodePart(access_token, 'header').alg, 'EdDSA');
    assert.equal(await first.stop(), 0);
    const second = await untilListening(launch(env, directory));
    await open(second.url, '/api/auth/me', access_token);
    assert.equal(await second.stop(), 0);
    const file = join(DATA_DIR, 'jwt-eddsa.pem');
    assert.ok(existsSync(file));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(DATA_DIR).sort(), ['jwt-eddsa.pem', 'secrets.json']);
  });
});
