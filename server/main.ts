import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createApp } from './app.ts';
import { ConfigError, loadSettings, type Settings } from './config.ts';
import { developmentSecrets } from './embedded/development-secrets.ts';
import type { Extension } from './extension.ts';
import { createLog, type Log } from './log.ts';

/** A stop that takes longer is ended by force, before whoever asked for it does so. */
const STOP_TIMEOUT_MS = 9000;

const variables = await readVariables();
const settings = readSettings(variables);
const log = createLog(settings.config);
const stopper = stopOnSignals(log);
await start(settings).catch((error: unknown) => {
  log.debug({ err: error }, 'the server could not start');
  process.stderr.write(`Medallion could not start: ${messageOf(error)}\n`);
  return stopper.stop(1);
});

async function start({ config, secrets }: Settings): Promise<void> {
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
}

async function readVariables(): Promise<NodeJS.ProcessEnv> {
  try {
    process.loadEnvFile();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
  if ((given.NODE_ENV ?? given.ENVIRONMENT) === 'production') return given;
  const aliases = { ...(given.SECRET_KEY && { JWT_SECRET_KEY: given.SECRET_KEY }) };
  return { ...(await developmentSecrets(given.DATA_DIR ?? '.data')), ...aliases, ...given };
}

function readSettings(given: NodeJS.ProcessEnv): Settings {
  try {
    return loadSettings(given);
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
    loadSettings({ ...process.env, NODE_ENV: 'production' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines.push('For production it is missing:', ...error.problems.map((line) => `  ${line}`));
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/**
 * What must be let go of, in the order opposite to that in which it was taken. The first signal does so,
 * a second one exits at once.
 */
function stopOnSignals(logger: Log) {
  const tasks: { stop: () => Promise<void>; killNow: (() => void) | undefined }[] = [];
  let isStopping = false;
  const killNow = (): never => {
    for (const task of tasks) task.killNow?.();
    process.exit(1);
  };
  const stop = async (exitCode: number): Promise<never> => {
    if (isStopping) return killNow();
    isStopping = true;
    setTimeout(killNow, STOP_TIMEOUT_MS).unref();
    for (const task of tasks.toReversed()) {
      await task.stop().catch((error: unknown) => {
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
  const onStop = (task: () => Promise<void>, kill?: () => void): void => {
    tasks.push({ stop: task, killNow: kill });
  };
  return { stop, onStop };
}
