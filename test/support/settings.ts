import assert from 'node:assert/strict';
import { ConfigError, loadSettings, type Settings } from '../../server/config.ts';

export const SECRETS = {
  JWT_SECRET_KEY: 'bJ4x0Qm2Zr8sVt6Yw1Uf3Gh5Kp7Nd9La',
  HASH_PEPPER: 'c9Pq2We4Rt6Yu8Io0As1Df3Gh5Jk7LzX',
  DATABASE_ENCRYPTION_KEY: 'e7Vb3Nm9Qw5Xc1Zl8Ty4Ru2Pk6Hj0GdS',
};
export const PRODUCTION = {
  ...SECRETS,
  NODE_ENV: 'production',
  DATABASE_URL: 'postgresql://user:pw@db/medallion',
  REDIS_URL: 'rediss://redis:6379',
  SMS_PROVIDER: 'twilio',
  TWILIO_ACCOUNT_SID: 'AC1',
  TWILIO_AUTH_TOKEN: 'token',
  TWILIO_FROM: '+14155550100',
};

export type Variables = Record<string, string | undefined>;

/** Where a test's configuration names files, they are these. */
export const files = new Map<string, string>();

export function load(variables: Variables): Settings {
  return loadSettings(variables, (path) => {
    const text = files.get(path);
    if (text !== undefined) return text;
    throw Object.assign(new Error(`there is no ${path}`), { code: 'ENOENT' });
  });
}

/** What signs and verifies tokens: the secret itself, or the algorithm of a private key. */
export function signers({ secrets }: Settings): string[] {
  return secrets.tokenSecrets.map((each) => ('secret' in each ? each.secret : each.algorithm));
}

/** The names of the variables that a configuration is refused for. */
export function refusedFor(variables: Variables): string[] {
  try {
    load(variables);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    for (const problem of error.problems) assert.ok(error.message.includes(problem));
    return error.problems.map((problem) => problem.split(':', 1)[0] ?? '').sort();
  }
  return [];
}
