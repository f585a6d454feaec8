import { openSync, closeSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseEnv } from 'node:util';
import { createApp, type App } from './app.ts';
import { ConfigError, loadSettings, type Config, type Settings } from './config.ts';
import { developmentKeyFile } from './embedded/development-key.ts';
import { developmentSecrets } from './embedded/development-secrets.ts';
import type { Extension } from './extension.ts';
import { createLog, type Log } from './log.ts';

/** A stop that takes longer than the drain and this is ended by force, before whoever asked for it does so. */
const STOP_TIMEOUT_MS = 9000;

/** What the process was started with: at every reading it comes before what `.env` says. */
const inherited = { ...process.env };
const settings = readSettings(await readVariables());
const log = createLog(settings.config);
const stopper = stopOnSignals(log, settings.config);
const started = start(settings);
readKeysOnHangup(started);
await started.catch((error: unknown) => {
  log.debug({ err: error }, 'the server could not start');
  process.stderr.write(`Medallion could not start: ${messageOf(error)}\n`);
  return stopper.stop(1);
});

async function start({ config, secrets }: Settings): Promise<App> {
  const databaseUrl = secrets.databaseUrl ?? (await startEmbedded(config.dataDirectory));
  const extensions = await Promise.all(config.extensions.map(loadExtension));
  const app = await createApp(
    { config, secrets: { ...secrets, databaseUrl } },
    { log, extensions },
  );
  stopper.onStop(app.close);
  await new Promise<void>((done, fail) => {
    app.server.once('error', fail).listen(config.port, config.host, done);
  });
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : config.port;
  if (config.environment === 'production') log.info({ host: config.host, port }, 'listening');
  else greet(`http://${config.host}:${port}`);
  return app;
}

async function readVariables(): Promise<NodeJS.ProcessEnv> {
  const all = { ...readDotEnv(), ...inherited };
  Object.assign(process.env, all); // for extensions and for Node itself
  const given: NodeJS.ProcessEnv = Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== ''),
  );
  if ((given.NODE_ENV ?? given.ENVIRONMENT) === 'production') return given;
  const aliases = { ...(given.SECRET_KEY && { JWT_SECRET_KEY: given.SECRET_KEY }) };
  return { ...(await developmentVariables(given)), ...aliases, ...given };
}

function readDotEnv(): NodeJS.Dict<string> {
  try {
    return parseEnv(readFile('.env'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    return {};
  }
}

/** What a development server makes for itself where it is not given. */
async function developmentVariables(given: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const directory = given.DATA_DIR ?? '.data';
  const secrets = await developmentSecrets(directory);
  if (given.JWT_PRIVATE_KEY_FILE !== undefined) return secrets;
  const algorithm = given.JWT_ALGORITHM ?? given.ALGORITHM ?? '';
  const file = await developmentKeyFile(directory, algorithm);
  return { ...secrets, ...(file !== null && { JWT_PRIVATE_KEY_FILE: file }) };
}

function readFile(path: string): string {
  return readFileSync(path, 'utf8');
}

function readSettings(given: NodeJS.ProcessEnv): Settings {
  try {
    return loadSettings(given, readFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

async function startEmbedded(directory: string): Promise<string> {
  const { startEmbeddedPostgres } = await import('./embedded/embedded-postgres.ts');
  let killNow = (): void => undefined;
  const starting = startEmbeddedPostgres({
    directory,
    log: (line) => {
      log.info(line);
    },
  });
  // Known to the stopper before it runs: a signal may come while it starts.
  stopper.onStop(
    () =>
      starting.then(
        (postgres) => postgres.stop(),
        () => undefined,
      ),
    () => {
      killNow();
    },
  );
  const postgres = await starting;
  killNow = postgres.killNow;
  return postgres.url;
}

/** Node gives a failed connection as several errors in one, whose own message is empty. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return messageOf(error.errors[0]);
  const cause = error instanceof Error && error.cause !== undefined ? messageOf(error.cause) : '';
  return cause || (error instanceof Error ? error.message : String(error));
}

async function loadExtension(path: string): Promise<Extension> {
  const module = (await import(pathToFileURL(resolve(path)).href)) as { default?: unknown };
  if (typeof module.default === 'function') return module.default as Extension;
  throw new ConfigError([`EXTENSIONS: ${path} has no function as its default export`]);
}

/** Where the server is, and, in the words of the configuration itself, what production would miss. */
function greet(address: string): void {
  const lines = [`Medallion listens on ${address}`, `  API  ${address}/docs`];
  try {
    loadSettings({ ...process.env, NODE_ENV: 'production' }, readFile);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push('For production it is missing:', ...error.problems.map((line) => `  ${line}`));
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** On SIGHUP the keys of tokens, and nothing else, are read anew; one reading after the other. */
function readKeysOnHangup(app: Promise<App>): void {
  let reading: Promise<unknown> = app.catch(() => undefined);
  process.on('SIGHUP', () => {
    // A terminal that is closed sends it too, and means that the server shall end with it.
    if (isTerminalGone()) return void stopper.stop(0);
    reading = reading.then(async () => readKeysAnew(await app)).catch(() => undefined);
  });
}

async function readKeysAnew(app: App): Promise<void> {
  try {
    const { secrets } = loadSettings(await readVariables(), readFile);
    await app.changeTokenKeys(secrets.tokenSecrets);
    const { phoneKeys, accountKeys } = app.context;
    const kids = { account: accountKeys.signing.kid, phone: phoneKeys.signing.kid };
    log.info(
      { algorithm: accountKeys.signing.algorithm, kids },
      'the keys of tokens are read anew',
    );
  } catch (error) {
    const why = error instanceof ConfigError ? { problems: error.problems } : { err: error };
    log.error(why, 'the keys of tokens stay as they were: the configuration cannot be used');
  }
}

function isTerminalGone(): boolean {
  if (!process.stdout.isTTY) return false;
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return false;
  } catch {
    return true;
  }
}

type StopTask = (how: { isHurried: boolean }) => Promise<void>;

/**
 * What must be let go of, in the order opposite to that in which it was taken. The first signal does so,
 * a second one exits at once.
 */
function stopOnSignals(logger: Log, { drainReadinessSeconds, drainWindowSeconds }: Config) {
  const timeoutMs = STOP_TIMEOUT_MS + (drainReadinessSeconds + drainWindowSeconds) * 1000;
  const tasks: { stop: StopTask; killNow: (() => void) | undefined }[] = [];
  let isStopping = false;
  const killNow = (): never => {
    for (const task of tasks) task.killNow?.();
    process.exit(1);
  };
  const stop = async (exitCode: number): Promise<never> => {
    if (isStopping) return killNow();
    isStopping = true;
    setTimeout(killNow, timeoutMs).unref();
    for (const task of tasks.toReversed()) {
      // What went wrong once may go wrong again: no time to drain.
      await task.stop({ isHurried: exitCode !== 0 }).catch((error: unknown) => {
        logger.error({ err: error }, 'could not stop cleanly');
      });
    }
    process.exit(exitCode);
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stop(0));
  process.on('unhandledRejection', (error) => {
    logger.error({ err: error }, 'unhandled rejection');
  });
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception');
    void stop(1);
  });
  const onStop = (task: StopTask, kill?: () => void): void => {
    tasks.push({ stop: task, killNow: kill });
  };
  return { stop, onStop };
}
