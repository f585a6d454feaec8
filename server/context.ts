import type { KeyObject } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { Config } from './config.ts';
import type { TokenKeys } from './crypto/jwt.ts';
import type { EphemeralStore, Limiter } from './ephemeral/ephemeral-store.ts';
import type { Log } from './log.ts';
import type { Outbox } from './messaging/outbox.ts';
import type { SmsSender } from './messaging/sms-sender.ts';
import type { Metrics } from './metrics.ts';
import type { Blacklist } from './revocation/blacklist.ts';
import type { RevocationFeed } from './revocation/revocation-feed.ts';
import type { Database } from './store/database.ts';

/** All that the app is made of. `app.ts` builds it; a use case takes what it `Pick`s of it. */
export interface AppContext {
  config: Config;
  clock: Clock;
  log: Log;
  metrics: Metrics;
  db: Database;
  ephemeral: EphemeralStore;
  phoneKeys: TokenKeys;
  /** Keys the hashes of one-time codes, so that whoever reads the store cannot guess them. */
  codeHashKey: KeyObject;
  /** Six random digits; a test that must know the code reads it from the message, like anyone else. */
  generateCode: () => string;
  sms: SmsSender;
  /** What the console sender sent; null with a real provider. */
  outbox: Outbox | null;
  blacklist: Blacklist;
  revocations: RevocationFeed;
  limiters: { otpPerNumber: Limiter; otpPerIp: Limiter };
  /** Whether this node has begun to stop. */
  isDraining: () => boolean;
}
