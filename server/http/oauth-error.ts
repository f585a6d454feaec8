import { z } from 'zod';
import type { AppError, ErrorCode } from '../errors.ts';

export const oauthErrorSchema = z
  .object({
    error: z.string().describe('For programs: RFC 6749 §5.2, RFC 6750 §3.1, RFC 8628 §3.5'),
    error_description: z.string().describe('For people'),
  })
  .meta({ id: 'OAuthError', description: 'An error of OAuth 2 (RFC 6749 §5.2)' });

const INVALID_GRANT = { error: 'invalid_grant', status: 400 };

/** Where the code alone says it: what was wrong with a grant is 400 here, though elsewhere it is not. */
const BY_CODE: Partial<Record<ErrorCode, { error: string; status?: number }>> = {
  invalid_credentials: INVALID_GRANT,
  invalid_refresh_token: INVALID_GRANT,
  invalid_two_factor_code: INVALID_GRANT,
  account_disabled: INVALID_GRANT,
  session_limit_reached: INVALID_GRANT,
  unsupported_grant_type: { error: 'unsupported_grant_type' },
  invalid_client: { error: 'invalid_client' },
  invalid_token: { error: 'invalid_token' },
  token_revoked: { error: 'invalid_token' },
  insufficient_permissions: { error: 'insufficient_scope' },
};

const BY_STATUS: Record<number, string> = {
  403: 'access_denied',
  429: 'slow_down',
  500: 'server_error',
  503: 'temporarily_unavailable',
};

/** What an error is on the surface of OAuth 2 (RFC 6749 §5.2): its status, and its body. */
export function toOAuthError(error: AppError): {
  status: number;
  body: z.output<typeof oauthErrorSchema>;
} {
  // The second factor that a sign-in lacks; the one that staff must have is a 403.
  const isSignIn = error.code === 'two_factor_required' && error.status === 401;
  const known = isSignIn ? INVALID_GRANT : BY_CODE[error.code];
  const name = known?.error ?? BY_STATUS[error.status] ?? 'invalid_request';
  return {
    status: known?.status ?? error.status,
    body: { error: name, error_description: describe(error, isSignIn) },
  };
}

function describe(error: AppError, isSignIn: boolean): string {
  if (isSignIn) return 'The password is right: send totp_code or backup_code with it';
  const issues = (error.issues ?? []).map(({ path, message }) => `${path}: ${message}`);
  const text = issues.length === 0 ? error.message : issues.join('; ');
  // The characters that RFC 6749 §5.2 allows.
  return text.replace(/["\\]/g, "'").replace(/[^ -~]/g, '?');
}
