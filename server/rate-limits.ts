import type { Config } from './config.ts';
import type { EphemeralStore, Limiter, LimiterOptions } from './ephemeral/ephemeral-store.ts';
import { createLocalLimiter, withFallback } from './ephemeral/limiter.ts';

export type { Limiter };

/** What a route may name as its limit: by address, counted for all nodes together. */
export type SharedProfile = 'login' | 'register' | 'refresh' | 'otp';

/**
 * Every limit there is. A route that names none is under `api`, or `apiSession` where a session asks, or `apiClient`:
 * all three are counted on each node by itself, so that they cost no round trip.
 */
export type Limiters = Record<
  | SharedProfile
  | 'api'
  | 'apiSession'
  | 'apiClient'
  | 'otpPerNumber'
  | 'mailPerAddress'
  | 'backupCodesPerUser',
  Limiter
>;

/** So often may a person have new backup codes. */
const BACKUP_CODES = { name: 'backup-codes', points: 10, seconds: 60 * 60 };

/** Made once, at the start of a node. */
export function createLimiters(config: Config, ephemeral: EphemeralStore): Limiters {
  const { rateLimits } = config;
  const lockout = { ...config.rateLimitBreaches, blockSeconds: config.rateLimitBlockSeconds };
  const counted = (options: LimiterOptions) =>
    withFallback(ephemeral.createLimiter(options), createLocalLimiter(options));
  const shared = (name: SharedProfile) => counted({ name, ...rateLimits[name], lockout });
  const local = (name: 'api' | 'apiSession' | 'apiClient') =>
    createLocalLimiter({ name, ...rateLimits[name], lockout });
  return {
    login: shared('login'),
    register: shared('register'),
    refresh: shared('refresh'),
    otp: shared('otp'),
    api: local('api'),
    apiSession: local('apiSession'),
    apiClient: local('apiClient'),
    // Not without the store: neither is there a code to send.
    otpPerNumber: ephemeral.createLimiter({ name: 'otp-number', ...config.otpLimitPerNumber }),
    mailPerAddress: counted({ name: 'mail-address', ...config.mailLimitPerAddress }),
    backupCodesPerUser: counted(BACKUP_CODES),
  };
}
