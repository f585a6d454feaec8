import type { KeyObject } from 'node:crypto';
import type { ApiClient } from './api-clients.ts';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { AccountKeys } from './crypto/account-tokens.ts';
import type { EncryptionKeys } from './crypto/encryption.ts';
import type { PasswordHasher } from './crypto/password-hash.ts';
import type { PhoneKeys } from './crypto/phone-tokens.ts';
import type { EphemeralStore } from './ephemeral/ephemeral-store.ts';
import type { EventFeed } from './ephemeral/event-feed.ts';
import type { KnownCookies } from './ephemeral/known-cookies.ts';
import type { SocketPlaces } from './ephemeral/socket-places.ts';
import type { Log } from './log.ts';
import type { MailQueue } from './messaging/mail-queue.ts';
import type { Outbox } from './messaging/outbox.ts';
import type { SmsSender } from './messaging/sms-sender.ts';
import type { Metrics } from './metrics.ts';
import type { RolePermissions } from './permissions.ts';
import type { Limiters } from './rate-limits.ts';
import type { Blacklist } from './revocation/blacklist.ts';
import type { Acknowledgements } from './revocation/acknowledgements.ts';
import type { Lease } from './revocation/lease.ts';
import type { Node, Proof } from './revocation/proof.ts';
import type { RevocationFeed } from './revocation/revocation-feed.ts';
import type { Database } from './store/database.ts';
import type { LatestWins } from './use-cases/latest-wins.ts';

/** Exchanged while the app runs: looked up in the context at each use, and never kept. */
export interface TokenKeys {
  phoneKeys: PhoneKeys;
  accountKeys: AccountKeys;
}

/** All that the app is made of. `app.ts` builds it; a use case takes what it `Pick`s of it. */
export interface AppContext extends TokenKeys {
  config: Config;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  db: Database;
  ephemeral: EphemeralStore;
  /** Keys the hashes of one-time codes, so that whoever reads the store cannot guess them. */
  codeHashKey: KeyObject;
  /** Keys the hashes of e-mail addresses, so that failures are counted without keeping what was typed. */
  emailHashKey: KeyObject;
  /** Encrypt what the database must hold readable for us alone, such as the secrets of second factors. */
  encryptionKeys: EncryptionKeys;
  /** Keys the hashes of tokens that are mailed: a stolen table of them opens nothing. */
  oneTimeTokenKey: KeyObject;
  /** Keys the ids under which riders see drivers. */
  driverIdKey: KeyObject;
  passwords: PasswordHasher;
  /** Six random digits; a test that must know the code reads it from the message, like anyone else. */
  generateCode: () => string;
  sms: SmsSender;
  mails: MailQueue;
  /** What the console sender sent; null with a real provider. */
  outbox: Outbox | null;
  blacklist: Blacklist;
  /** Revocations as this node learns of them. */
  revocations: RevocationFeed;
  lease: Lease;
  proof: Proof;
  acknowledgements: Acknowledgements;
  /** Carries what is pushed to sockets to every node. */
  events: EventFeed;
  /** By driver: when the next position is stored. */
  locationWrites: LatestWins<number>;
  node: Node;
  /** Which sockets each user holds, on all nodes. */
  places: SocketPlaces;
  limiters: Limiters;
  /** What each role may do. */
  permissions: RolePermissions;
  /** By name: services that sign in as themselves. */
  apiClients: ReadonlyMap<string, ApiClient>;
  /** Which session a cookie is of, for the limits. */
  knownCookies: KnownCookies;
  /** Whether this node is about to stop: it serves everything, but nothing new is to be sent here. */
  isLeaving: () => boolean;
  /** Whether this node has begun to stop, and takes no socket any more. */
  isDraining: () => boolean;
}
