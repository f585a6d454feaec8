import type { AppContext } from '../context.ts';
import { generateOpaqueToken } from '../crypto/opaque-token.ts';
import { AppError } from '../errors.ts';
import type { Taken } from '../ephemeral/ephemeral-store.ts';
import { assertWithinLimit } from './assert-within-limit.ts';
import {
  assertNotLocked,
  CODE_SECONDS,
  codeKeys,
  COOLDOWN_SECONDS,
  hashCode,
} from './one-time-code.ts';

type SendContext = Pick<
  AppContext,
  'ephemeral' | 'limiters' | 'generateCode' | 'codeHashKey' | 'sms'
>;

/**
 * Sends a one-time code, which replaces the one before. The answer is the same whether or not the number
 * has an account. If the provider fails, all is as if nobody had asked.
 * @param phoneNumber E.164
 * @throws `too_many_attempts`, `otp_cooldown`, `rate_limited`, `sms_unavailable`, `service_unavailable`
 */
export async function sendOneTimeCode(
  ctx: SendContext,
  phoneNumber: string,
): Promise<{ expiresInSeconds: number }> {
  await assertNotLocked(ctx, phoneNumber);
  const cooldown = await startCooldown(ctx, phoneNumber);
  try {
    await assertWithinLimit(ctx.limiters.otpPerNumber, phoneNumber);
  } catch (error) {
    await cancelCooldown(ctx, phoneNumber, cooldown);
    throw error;
  }
  await storeAndSend(ctx, { phoneNumber, cooldown });
  return { expiresInSeconds: CODE_SECONDS };
}

/** Of many requests at once one gets through. */
async function startCooldown(ctx: SendContext, phoneNumber: string): Promise<string> {
  const { cooldown } = codeKeys(phoneNumber);
  const nonce = generateOpaqueToken();
  if (await ctx.ephemeral.setIfAbsent(cooldown, nonce, COOLDOWN_SECONDS * 1000)) return nonce;
  const leftMs = (await ctx.ephemeral.ttlMs(cooldown)) ?? 1000;
  const retryAfterSeconds = Math.ceil(leftMs / 1000);
  const detail = `A code was just sent. Try again in ${retryAfterSeconds} seconds`;
  throw new AppError('otp_cooldown', { detail, retryAfterSeconds });
}

/** Only our own: a sign-in may have cleared it, and another request begun a new one. */
async function cancelCooldown(ctx: SendContext, phoneNumber: string, nonce: string): Promise<void> {
  await ctx.ephemeral.takeIfEqual(codeKeys(phoneNumber).cooldown, nonce);
}

async function storeAndSend(
  ctx: SendContext,
  { phoneNumber, cooldown }: { phoneNumber: string; cooldown: string },
): Promise<void> {
  const code = ctx.generateCode();
  const hash = hashCode(ctx, { phoneNumber, code });
  const keys = codeKeys(phoneNumber);
  // Stored before it is sent: a code that arrives is one that works.
  const previous = await ctx.ephemeral.replace(keys.code, hash, CODE_SECONDS * 1000);
  try {
    const body = `${code} is your sign-in code. It works once, for 5 minutes. Never tell it to anyone.`;
    await ctx.sms({ to: phoneNumber, body, code });
  } catch (error) {
    await Promise.all([
      restoreCode(ctx, { key: keys.code, hash, previous }),
      cancelCooldown(ctx, phoneNumber, cooldown),
      ctx.limiters.otpPerNumber.reward(phoneNumber),
    ]);
    throw error;
  }
}

async function restoreCode(
  ctx: SendContext,
  { key, hash, previous }: { key: string; hash: string; previous: Taken | null },
): Promise<void> {
  const taken = await ctx.ephemeral.takeIfEqual(key, hash);
  if (typeof taken === 'string' || previous === null) return;
  await ctx.ephemeral.setIfAbsent(key, previous.value, previous.ttlMs);
}
