import { COOKIES } from './cookies.ts';
import { MOUNTS, newAccount, PASSWORD } from './accounts.ts';
import { newPhoneNumber } from './phone.ts';

const phone_number = newPhoneNumber();
const { email, username } = newAccount();
const challenge_token = 'x';
const TWO_FACTOR_BODIES: Record<string, object> = {
  '/verify-2fa': { challenge_token, code: '123456' },
  '/verify-backup-code': { challenge_token, backup_code: 'ABCDEFGH' },
  '/verify-2fa-setup': { code: '123456' },
};
const ACCOUNT_BODIES: Record<string, object> = {
  '/register': { email, username, password: PASSWORD },
  '/login': { email, password: PASSWORD },
  '/refresh': { refresh_token: 'x' },
  '/logout': { refresh_token: 'x' },
  '/change-password': { current_password: 'x', new_password: PASSWORD },
  '/me': { password: 'x' },
  '/forgot-password': { email },
  '/reset-password': { token: 'x', new_password: PASSWORD },
  '/verify-email': { token: 'x' },
  ...TWO_FACTOR_BODIES,
  '/disable-2fa': { password: 'x', code: '123456' },
  '/regenerate-backup-codes': { password: 'x' },
};
const PHONE_BODIES: Record<string, object> = {
  '/send-otp': { phone_number },
  '/verify-otp': { phone_number, otp: '123456' },
  '/refresh': { refresh_token: 'x' },
  '/logout': { refresh_token: 'x' },
  '/me': { otp: '123456' },
  ...TWO_FACTOR_BODIES,
  '/disable-2fa': { otp: '123456', code: '123456' },
  '/regenerate-backup-codes': { otp: '123456' },
};

const ADMIN_BODIES: Record<string, object> = {
  '/users': {
    phone_number: newPhoneNumber(),
    email: newAccount().email,
    username: newAccount().username,
  },
  ['/users/' + 'A'.repeat(22)]: {},
  '/realtime/events': { to: { user_id: 2_000_000_000 }, event: 'ride_offered' },
  '/revocations': { session_id: 'A'.repeat(22), reason: 'x' },
};

const COOKIE_BODIES: Record<string, object> = {
  '/register': { email, password: PASSWORD },
  '/login': { email, password: PASSWORD, totp_code: '123456' },
};

/** A body that each route would take: only what a test adds to it is wrong. */
export const GOOD_BODIES: Record<string, object> = Object.fromEntries([
  ...Object.entries(PHONE_BODIES).map(([path, body]) => [`/api/v2/auth${path}`, body] as const),
  ...Object.entries(ADMIN_BODIES).map(([path, body]) => [`/api/admin${path}`, body] as const),
  ...Object.entries(COOKIE_BODIES).map(([path, body]) => [COOKIES + path, body] as const),
  ...MOUNTS.flatMap((mount) =>
    Object.entries(ACCOUNT_BODIES).map(([path, body]) => [mount + path, body] as const),
  ),
]);
