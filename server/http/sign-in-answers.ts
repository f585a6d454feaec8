import { z } from 'zod';
import type { IssuedTokens } from '../use-cases/issue-account-tokens.ts';
import { isChallenge, type Challenge } from '../use-cases/second-factor-challenge.ts';
import type { AccountSession } from '../use-cases/open-account-session.ts';
import {
  accessTokenAnswer,
  challengeTokenSchema,
  TOKEN_TYPE,
  tokenSchema,
  toUserAnswer,
  userSchema,
} from './schemas.ts';

const tokenFields = accessTokenAnswer.extend({ refresh_token: tokenSchema });

export const tokensAnswer = tokenFields.meta({ id: 'Tokens' });

/** What opens with a session. */
export const signedInAnswer = tokenFields.extend({ user: userSchema }).meta({ id: 'SignedIn' });

const challengeAnswer = z
  .object({
    two_factor_required: z.literal(true),
    challenge_token: challengeTokenSchema.describe('For `verify-2fa` or `verify-backup-code`'),
    expires_in: z
      .int()
      .describe('Seconds that the challenge has left')
      .meta({ examples: [600] }),
    methods: z.array(z.enum(['totp', 'backup_code'])).meta({ examples: [['totp', 'backup_code']] }),
  })
  .meta({ id: 'SecondFactorChallenge' });

/** Of a first factor: a session, or the question for the second one. */
export const signInAnswer = z.union([signedInAnswer, challengeAnswer]);

export function toTokensAnswer(tokens: IssuedTokens): z.input<typeof tokensAnswer> {
  return {
    access_token: tokens.accessToken,
    refresh_token: tokens.refreshToken,
    token_type: TOKEN_TYPE,
    expires_in: tokens.expiresInSeconds,
  };
}

export function toSignedInAnswer(session: AccountSession): z.input<typeof signedInAnswer> {
  return { ...toTokensAnswer(session), user: toUserAnswer(session.user, session.role) };
}

export function toSignInAnswer(result: AccountSession | Challenge): z.input<typeof signInAnswer> {
  if (!isChallenge(result)) return toSignedInAnswer(result);
  return {
    two_factor_required: true,
    challenge_token: result.challengeToken,
    expires_in: result.expiresInSeconds,
    methods: ['totp', 'backup_code'],
  };
}
