import { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import { completeAccountSignIn, completePhoneSignIn } from '../use-cases/answer-challenge.ts';
import type { TokenKindName } from '../use-cases/authenticate-token.ts';
import { route, type Route } from './route.ts';
import { backupCodeSchema, challengeTokenSchema, totpCodeSchema } from './schemas.ts';
import { signedInAnswer, toSignedInAnswer } from './sign-in-answers.ts';

const CHALLENGE_ERRORS: ErrorCode[] = [
  'invalid_challenge',
  'invalid_two_factor_code',
  'account_disabled',
  'session_limit_reached',
  'too_many_attempts',
  'busy',
  'service_unavailable',
];

/**
 * The second step of a sign-in, on the surface where the first was taken.
 * @param prefix In front of each path.
 */
export function challengeRoutes(kind: TokenKindName, prefix: '' | '/auth'): Route[] {
  const complete = kind === 'phone' ? completePhoneSignIn : completeAccountSignIn;
  const errors: ErrorCode[] =
    kind === 'phone' ? [...CHALLENGE_ERRORS, 'role_not_allowed'] : CHALLENGE_ERRORS;
  const common = { method: 'post', auth: 'public', limit: 'login', errors } as const;
  const challenge_token = challengeTokenSchema;
  return [
    route({
      ...common,
      path: `${prefix}/verify-2fa`,
      summary: 'Finish a sign-in with a code of the authenticator app',
      body: z.strictObject({ challenge_token, code: totpCodeSchema }),
      answer: signedInAnswer,
      handle: async (ctx, { body, client }) => {
        const factor = { method: 'totp', code: body.code } as const;
        const challengeToken = body.challenge_token;
        return toSignedInAnswer(await complete(ctx, { challengeToken, factor, client }));
      },
    }),
    route({
      ...common,
      path: `${prefix}/verify-backup-code`,
      summary: 'Finish a sign-in with a backup code, which is used up',
      body: z.strictObject({ challenge_token, backup_code: backupCodeSchema }),
      answer: signedInAnswer,
      handle: async (ctx, { body, client }) => {
        const factor = { method: 'backup_code', code: body.backup_code } as const;
        const challengeToken = body.challenge_token;
        return toSignedInAnswer(await complete(ctx, { challengeToken, factor, client }));
      },
    }),
  ];
}
