import { z } from 'zod';
import { toAuditRow } from '../audit.ts';
import { APP_ROLES, ROLES } from '../config.ts';
import type { AppContext } from '../context.ts';
import { isSupportedHash } from '../crypto/password-hash.ts';
import { inTransaction } from '../store/database.ts';
import {
  findOwners,
  insertImportedUsers,
  type ImportedUser,
  type Owners,
} from '../store/imported-users.ts';

const BATCH_SIZE = 500;

/** What a user is known by, under the names of the file. */
const IDENTIFIERS = [
  { key: 'email', field: 'email' },
  { key: 'phoneNumber', field: 'phone_number' },
  { key: 'username', field: 'username' },
] as const;

/** Who the audit log says it was. */
const OPERATOR = { ip: null, userAgent: null, deviceId: null, requestId: 'import-users' };

type ImportContext = Pick<AppContext, 'db' | 'clock'>;

/** A line of the file: its fields as they stand there, or why it cannot be read. */
export type UserLine = { line: number } & ({ fields: Record<string, unknown> } | BadLine);

export interface BadLine {
  line: number;
  /** Never holds what stands in the line: a hash must not get out. */
  reason: string;
}

export interface ImportedBatch {
  imported: number;
  alreadyThere: number;
  bad: BadLine[];
}

/** The schemas that users who register are held to. */
interface IdentifierSchemas {
  email: z.ZodType<string>;
  phoneNumber: z.ZodType<string>;
  username: z.ZodType<string>;
}

type UserSchema = ReturnType<typeof importedUserSchema>;

/** The fields of an imported user, as CSV has them (all text) or NDJSON. */
export function importedUserSchema(
  { email, phoneNumber, username }: IdentifierSchemas,
  { allowStaffRoles, now }: { allowStaffRoles: boolean; now: Date },
) {
  const role = z
    .enum(ROLES, 'Not a known role')
    .refine(
      (name) => allowStaffRoles || APP_ROLES.some((appRole) => appRole === name),
      'Staff roles need --allow-staff-roles',
    );
  const date = z.iso
    .datetime({ offset: true, error: 'Give a date and time with its time zone (RFC 3339)' })
    .transform((text) => new Date(text))
    .refine((at) => at.getTime() >= 0 && at <= now, 'Must be between 1970 and now');
  return z
    .object({
      email: email.nullish(),
      phone_number: phoneNumber.nullish(),
      username: username.nullish(),
      password_hash: passwordHashSchema.nullish(),
      roles: z.preprocess(splitList, z.array(role, 'Give a list of roles').nullish()),
      is_active: z.union([z.boolean(), flagSchema], 'Give true or false').nullish(),
      created_at: z.preprocess(toRfc3339, date.nullish()),
    })
    .refine(
      (user) => (user.email ?? user.phone_number ?? null) !== null,
      'An e-mail address or a phone number is needed',
    );
}

/** Argon2 in any spelling: ours, Django's, Spring's. */
const ARGON2 = /^[^a-z]*argon2/i;

const passwordHashSchema = z
  .string()
  .refine((hash) => !ARGON2.test(hash), {
    error: 'Made without the pepper of this service: it can never be verified',
    abort: true,
  })
  .refine(isSupportedHash, 'Not a bcrypt or pbkdf2_sha256 hash that can be verified');

/** Spelled as PostgreSQL, Django and people do, in either case. */
const flagSchema = z.stringbool({ truthy: ['true', 't', '1'], falsy: ['false', 'f', '0'] });

function splitList(value: unknown): unknown {
  return typeof value === 'string' ? value.split(/[|\s]+/).filter((part) => part !== '') : value;
}

/** PostgreSQL prints `2021-05-03 12:00:00+00`. */
function toRfc3339(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  return value.replace(/^([\d-]{10}) /, '$1T').replace(/([+-]\d\d)$/, '$1:00');
}

interface ImportInput {
  lines: AsyncIterable<UserLine>;
  schema: UserSchema;
}

/**
 * Makes the users that are not there yet, batch by batch, each in one transaction: what breaks in the
 * middle leaves whole batches, and the same lines again make those that are missing.
 * @throws `service_unavailable`
 */
export async function* importUsers(
  ctx: ImportContext,
  { lines, schema }: ImportInput,
): AsyncGenerator<ImportedBatch> {
  const seen = new IdSet();
  let batch: UserLine[] = [];
  for await (const line of lines) {
    if (batch.push(line) < BATCH_SIZE) continue;
    yield await importBatch(ctx, { batch, schema, seen });
    batch = [];
  }
  yield await importBatch(ctx, { batch, schema, seen });
}

interface BatchInput {
  batch: UserLine[];
  schema: UserSchema;
  /** The users of the lines before. */
  seen: IdSet;
}

async function importBatch(
  ctx: ImportContext,
  { batch, schema, seen }: BatchInput,
): Promise<ImportedBatch> {
  const now = new Date(ctx.clock.now());
  const { users, bad } = readBatch(batch, schema, now);
  const { newIds, owners } = await store(ctx, users, now);
  let imported = 0;
  for (const user of users) {
    const { line } = user;
    const found = findUser(user, owners.get(line));
    if (typeof found === 'string') bad.push({ line, reason: found });
    else if (!seen.add(found)) bad.push({ line, reason: 'The same user as in an earlier line' });
    else if (newIds.has(found)) imported += 1;
  }
  bad.sort((one, other) => one.line - other.line);
  return { imported, alreadyThere: batch.length - imported - bad.length, bad };
}

function readBatch(batch: UserLine[], schema: UserSchema, now: Date) {
  const users: ImportedUser[] = [];
  const bad: BadLine[] = [];
  for (const line of batch) {
    const read = readUser(line, schema, now);
    if ('reason' in read) bad.push(read);
    else users.push(read);
  }
  return { users, bad };
}

function readUser(line: UserLine, schema: UserSchema, now: Date): ImportedUser | BadLine {
  if ('reason' in line) return line;
  const { data, error } = schema.safeParse(line.fields);
  if (error) return { line: line.line, reason: describe(error) };
  return {
    line: line.line,
    email: data.email ?? null,
    phoneNumber: data.phone_number ?? null,
    username: data.username ?? null,
    passwordHash: data.password_hash ?? null,
    roles: data.roles?.length ? [...new Set(data.roles)] : ['rider'],
    isActive: data.is_active ?? true,
    createdAt: data.created_at ?? now,
  };
}

function describe({ issues }: z.ZodError): string {
  const reasons = issues.map(({ path: [field], message }) =>
    field === undefined ? message : `${String(field)}: ${message}`,
  );
  return [...new Set(reasons)].join('; ');
}

async function store(ctx: ImportContext, users: ImportedUser[], now: Date) {
  if (users.length === 0) return { newIds: new Set<number>(), owners: new Map<number, Owners>() };
  const audit = toAuditRow({ type: 'user_imported', at: now, userId: null, client: OPERATOR });
  return inTransaction(ctx.db, async (trx) => {
    const newIds = new Set(await insertImportedUsers(trx, { users, audit, now }));
    const owners = await findOwners(trx, users);
    return { newIds, owners: new Map(owners.map((each) => [each.line, each])) };
  });
}

/** The one user who holds every identifier that the line sets, or why there is none. */
function findUser(user: ImportedUser, owners: Owners | undefined): number | string {
  const given = IDENTIFIERS.filter(({ key }) => user[key] !== null);
  const ids = new Set(given.map(({ key }) => owners?.[key] ?? null));
  const [id = null] = ids;
  if (ids.size === 1 && id !== null) return id;
  const taken = given.filter(({ key }) => (owners?.[key] ?? null) !== null);
  if (taken.length === 0) return 'The user was deleted meanwhile: run the import again';
  return `${taken.map(({ field }) => field).join(' and ')}: Taken by another user`;
}

/** Ids of users, at one bit each: a million of them are 125 KB. */
class IdSet {
  #bits = new Uint8Array(1024);

  /** Whether the id was not there yet. */
  add(id: number): boolean {
    const byte = id >>> 3;
    const mask = 1 << (id & 7);
    const before = this.#bits[byte] ?? this.#grow(byte);
    this.#bits[byte] = before | mask;
    return (before & mask) === 0;
  }

  #grow(byte: number): number {
    const bits = new Uint8Array(2 * (byte + 1));
    bits.set(this.#bits);
    this.#bits = bits;
    return 0;
  }
}
