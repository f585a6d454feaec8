import type { Outbox } from '../../server/messaging/outbox.ts';
import { findSecrets, type Secret, type SecretKind, type Sender } from './secret-kinds.ts';
import { tapClients } from './wire-tap.ts';

const SECRET_VARIABLE = /(SECRET|KEY|PEPPER|PASSWORD|TOKEN)(_PREVIOUS)?$/;

const record = new Map<string, SecretKind>();
const allowed = new Set<string>();
const redisPrefixes = new Set<string>();
let readRest: () => void = () => undefined;

/** From now on keeps every secret that a client in this process sends to a node or is sent by one. */
export function recordClients(): void {
  readRest = tapClients(recordText);
}

/** Keeps the secrets in a text as it goes over the wire, or is read by a person. */
export function recordText(text: string, sender: Sender): void {
  for (const secret of findSecrets(text, sender)) recordSecret(secret);
}

function recordSecret({ kind, value }: Secret): void {
  if (!record.has(value)) record.set(value, kind);
}

/** Keeps every code and link that is put into an outbox, whether a client ever uses it or not. */
export function recordOutbox(outbox: Outbox | null): void {
  if (outbox === null) return;
  const add = outbox.add.bind(outbox);
  outbox.add = (message) => {
    if (message.code !== undefined) recordSecret({ kind: 'one-time code', value: message.code });
    recordText(message.body, 'node');
    add(message);
  };
}

/** Keeps the secrets that a node is started with, and where in Redis its keys will be. */
export function recordEnvironment(env: Record<string, string>): void {
  if (env.REDIS_KEY_PREFIX !== undefined) redisPrefixes.add(env.REDIS_KEY_PREFIX);
  for (const [name, value] of Object.entries(env)) {
    if (SECRET_VARIABLE.test(name)) recordSecret({ kind: 'server secret', value });
  }
}

/**
 * Lets values be found at rest though they were sent as secrets, because a test uses them for something else as well.
 * Say what for.
 */
export function allowAtRest(...values: string[]): void {
  for (const value of values) allowed.add(value);
}

/** Every secret that was kept so far and that must not be found at rest. */
export function recordedSecrets(): ReadonlyMap<string, SecretKind> {
  readRest();
  return new Map([...record].filter(([value]) => !allowed.has(value)));
}

/** What the keys in Redis of every node of the file begin with. */
export function recordedPrefixes(): ReadonlySet<string> {
  return redisPrefixes;
}
