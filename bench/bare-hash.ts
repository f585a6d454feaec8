/** What a login is measured against: the verification of its password and nothing else. A worker. */
import { verify } from '@node-rs/argon2';

import { doJobs } from './worker.ts';

export interface HashJob {
  /** Argon2id, with its parameters in it. */
  hash: string;
  password: string;
  /** Base64. */
  pepper: string;
  atOnce: number;
  ms: number;
}

export interface HashResult {
  perSecond: number;
}

doJobs(async ({ hash, password, pepper, atOnce, ms }: HashJob): Promise<HashResult> => {
  const options = { secret: Buffer.from(pepper, 'base64') };
  const endsAt = performance.now() + ms;
  let verified = 0;
  const runOne = async () => {
    while (performance.now() < endsAt) {
      if (!(await verify(hash, password, options))) throw new Error('the password is not right');
      if (performance.now() <= endsAt) verified += 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, runOne));
  return { perSecond: (verified * 1000) / ms };
});
