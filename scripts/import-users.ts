/**
 * Brings in users with the password hashes of another system: `npm run import-users -- users.csv`.
 * docs/importing-users.md says what a file looks like. Ends with 0 when every line was good, 2 when
 * some were bad, 1 when it could not go on.
 */
import { createReadStream } from 'node:fs';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { parse as parseCsv } from 'csv-parse/sync';
import { systemClock } from '../server/clock.ts';
import { AppError } from '../server/errors.ts';
import { emailSchema, phoneNumberSchema, usernameSchema } from '../server/http/schemas.ts';
import { closeDatabase, migrate, openDatabase, pingDatabase } from '../server/store/database.ts';
import {
  importedUserSchema,
  importUsers,
  type BadLine,
  type ImportedBatch,
  type UserLine,
} from '../server/use-cases/import-users.ts';
import { cleanUpAtExit } from './clean-up.ts';
import { openDatabaseUrl } from './database-url.ts';

const USAGE =
  'Usage: npm run import-users -- <file.csv | file.ndjson | -> [--format csv|ndjson] [--allow-staff-roles]';
const MAX_LINE_BYTES = 64 * 1024;
const PROGRESS_MS = 3000;
const LINE_FEED = 0x0a;

/** The reason why nothing, or nothing more, is imported: a sentence for the operator. */
class Refusal extends Error {}

interface Options {
  file: string;
  format: 'csv' | 'ndjson';
  allowStaffRoles: boolean;
}

const { start, exit, isExiting } = cleanUpAtExit();

async function run({ file, format, allowStaffRoles }: Options): Promise<number> {
  const schema = importedUserSchema(
    {
      email: emailSchema,
      phoneNumber: phoneNumberSchema({ defaultRegion: undefined }),
      username: usernameSchema,
    },
    { allowStaffRoles, now: new Date(systemClock.now()) },
  );
  const known = Object.keys(schema.shape);
  const openUsers = () => (format === 'csv' ? readCsv : readNdjson)(readLines(file), known);
  // A pipe cannot be read twice: of it, what comes before an unknown field is imported.
  if (file !== '-' && (await stat(file)).isFile()) await checkFields(openUsers(), format);

  const { url } = await start(openDatabaseUrl(), ({ release }) => release());
  const db = await start(Promise.resolve(openDatabase(url, 1)), closeDatabase);
  await pingDatabase(db);
  await migrate(url);
  const report = new Report(file === '-' ? 'import.errors.ndjson' : `${file}.errors.ndjson`);
  await report.begin();
  const batches = importUsers({ db, clock: systemClock }, { lines: openUsers(), schema });
  for await (const batch of batches) await report.add(batch);
  return report.end();
}

function readOptions(): Options {
  const { values, positionals } = parseOptions();
  const [file] = positionals;
  if (file === undefined || positionals.length > 1) throw new Refusal(USAGE);
  const format = values.format ?? extname(file).slice(1).replace('jsonl', 'ndjson');
  if (format !== 'csv' && format !== 'ndjson') {
    throw new Refusal('Say what the file holds: --format csv or --format ndjson');
  }
  return { file, format, allowStaffRoles: values['allow-staff-roles'] };
}

function parseOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        format: { type: 'string' },
        'allow-staff-roles': { type: 'boolean', default: false },
      },
    });
  } catch {
    throw new Refusal(USAGE);
  }
}

/** Throws where a field is unknown: of CSV the first line tells, of NDJSON every line. */
async function checkFields(users: AsyncGenerator<UserLine>, format: string): Promise<void> {
  let next = await users.next();
  while (format === 'ndjson' && next.done !== true) next = await users.next();
  await users.return(undefined);
}

function explain(error: unknown): string {
  const { message, code, path, cause } = error as NodeJS.ErrnoException;
  if (error instanceof AppError && error.code === 'service_unavailable') {
    const reason = cause instanceof Error ? cause.message || cause.name : 'no reason given';
    return `The database does not answer (${reason}); run the import again: it goes on where it stopped.`;
  }
  return code === 'ENOENT' && path !== undefined ? `There is no file ${path}.` : message;
}

type TextLine = { line: number; text: string } | BadLine;

/** What is not an empty line; a long one is not held. */
async function* readLines(file: string): AsyncGenerator<TextLine> {
  const source: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file);
  let line = 1;
  let held: Buffer[] = [];
  let size = 0;
  const hold = (bytes: Buffer): void => {
    size += bytes.length;
    if (size <= MAX_LINE_BYTES) held.push(bytes);
  };
  for await (const chunk of source) {
    let begin = 0;
    for (let end; (end = chunk.indexOf(LINE_FEED, begin)) !== -1; begin = end + 1) {
      hold(chunk.subarray(begin, end));
      yield* decodeLine({ line, held, size });
      [line, held, size] = [line + 1, [], 0];
    }
    hold(chunk.subarray(begin));
  }
  yield* decodeLine({ line, held, size });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function* decodeLine({ line, held, size }: { line: number; held: Buffer[]; size: number }) {
  if (size > MAX_LINE_BYTES) {
    yield { line, reason: 'Longer than 64 KiB' };
    return;
  }
  try {
    // A byte order mark is dropped by the decoder, the carriage return of CRLF by trim.
    const text = utf8.decode(Buffer.concat(held)).trim();
    if (text !== '') yield { line, text };
  } catch {
    yield { line, reason: 'Not UTF-8' };
  }
}

/** A field holds no line end, so each line is parsed by itself: an open quote does not swallow the next. */
async function* readCsv(lines: AsyncIterable<TextLine>, known: string[]): AsyncGenerator<UserLine> {
  let columns: string[] | null = null;
  for await (const each of lines) {
    const cells = 'text' in each ? splitCsv(each.text) : null;
    if (columns === null) columns = readHeader(cells, known);
    else if ('reason' in each) yield each;
    else yield { line: each.line, ...nameCells(cells, columns) };
  }
  if (columns === null) readHeader(null, known);
}

const CSV = { trim: true, relax_column_count: true, record_delimiter: '\n' };

function splitCsv(text: string): string[] | null {
  try {
    return parseCsv(text, CSV)[0] ?? [];
  } catch {
    return null; // its message would quote the line, and with it a hash
  }
}

function readHeader(cells: string[] | null, known: string[]): string[] {
  if (!cells?.some((cell) => known.includes(cell))) {
    throw new Refusal(`The first line must name the columns: ${known.join(', ')}.`);
  }
  refuseUnknown({ line: 1, names: cells }, known);
  const repeated = cells.find((cell, index) => cells.indexOf(cell) !== index);
  if (repeated !== undefined) throw new Refusal(`The column ${repeated} is there twice.`);
  return cells;
}

function nameCells(cells: string[] | null, columns: string[]) {
  if (cells === null) return { reason: 'Not CSV: a quote is in the wrong place' };
  if (cells.length !== columns.length) {
    return { reason: `Has ${cells.length} fields instead of ${columns.length}` };
  }
  const entries = columns.map(
    (column, index) => [column, cells[index] === '' ? null : cells[index]] as const,
  );
  return { fields: Object.fromEntries(entries) };
}

async function* readNdjson(
  lines: AsyncIterable<TextLine>,
  known: string[],
): AsyncGenerator<UserLine> {
  for await (const each of lines) {
    if ('reason' in each) {
      yield each;
      continue;
    }
    const { line, text } = each;
    const fields = parseObject(text);
    if (fields === null) yield { line, reason: 'Not a JSON object' };
    else {
      refuseUnknown({ line, names: Object.keys(fields) }, known);
      yield { line, fields };
    }
  }
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** What looks unlike a name is not repeated: without a first line of names it could be a hash. */
function refuseUnknown({ line, names }: { line: number; names: string[] }, known: string[]): void {
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const name = /^[A-Za-z _-]{1,30}$/.test(unknown) ? `"${unknown}"` : 'with an unusual name';
  throw new Refusal(`Line ${line} has a field ${name}; known are ${known.join(', ')}.`);
}

/** Tells the operator how far it is and what was bad. */
class Report {
  readonly #file: string;
  #bad: FileHandle | undefined;
  #counts = { imported: 0, alreadyThere: 0, bad: 0 };

  constructor(file: string) {
    this.#file = file;
  }

  /** Removes the report of the run before. */
  async begin(): Promise<void> {
    await rm(this.#file, { force: true });
    setInterval(() => {
      console.error(`So far: ${this.#summary()}`);
    }, PROGRESS_MS).unref();
  }

  async add({ imported, alreadyThere, bad }: ImportedBatch): Promise<void> {
    this.#counts.imported += imported;
    this.#counts.alreadyThere += alreadyThere;
    this.#counts.bad += bad.length;
    if (bad.length === 0) return;
    this.#bad ??= await open(this.#file, 'w', 0o600);
    await this.#bad.write(bad.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }

  /** The exit code. */
  async end(): Promise<number> {
    await this.#bad?.close();
    console.log(this.#summary());
    if (this.#counts.bad === 0) return 0;
    console.log(`The bad lines, each with its reason, are in ${this.#file}.`);
    return 2;
  }

  #summary(): string {
    const { imported, alreadyThere, bad } = this.#counts;
    return `${imported} imported, ${alreadyThere} already there, ${bad} bad`;
  }
}

try {
  await exit(await run(readOptions()));
} catch (error) {
  if (!isExiting()) console.error(explain(error));
  await exit(1);
}
