import { pino, type Logger } from 'pino';
import type { Config } from './config.ts';

export type Log = Logger;

/** Field names that never reach a log, wherever in an object of two levels they stand. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'password',
  'otp',
  'token',
  'access_token',
  'refresh_token',
  'secret',
];

/** A write for every line would cost each request a system call, and whoever reads the log a wake-up. */
const BUFFERED = { dest: 1, sync: false, minLength: 8 * 1024, periodicFlush: 200 };

/** No more of an error than this: PostgreSQL's `detail` would quote the row, a phone number for instance. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = 'code' in error ? error.code : undefined;
  const cause = error.cause === undefined ? undefined : describeError(error.cause);
  return { type: error.name, code, message: error.message, stack: error.stack, cause };
}

/** The service's logger: JSON lines, in development readable ones where pino-pretty is installed. */
export function createLog(config: Pick<Config, 'environment' | 'logLevel'>): Log {
  const redact = SECRET_FIELDS.flatMap((field) => [`*.${field}`, field]);
  const serializers = { err: describeError };
  const options = { level: config.logLevel, redact, base: null, serializers };
  if (config.environment === 'production') return pino(options, pino.destination(BUFFERED));
  if (config.environment === 'test') return pino(options);
  const transport = {
    target: 'pino-pretty',
    options: { ignore: 'pid,hostname', singleLine: true },
  };
  try {
    return pino({ ...options, transport });
  } catch {
    return pino(options);
  }
}
