import type { Test } from 'supertest';
import type { TestApp } from './app.ts';
import { lastCode, wrongCode } from './phone.ts';

/** The stores that every behaviour of one-time codes must be the same on. */
export const STORES = ['redis', 'memory'] as const;

/** Those that a path is tested on: the store cannot tell by which name of it the one router was reached. */
export function storesFor(mount: string): readonly (typeof STORES)[number][] {
  return mount === '/auth/v2' ? ['redis'] : STORES;
}

/** Asks for a code, whatever the answer will be. */
export function requestCode(app: TestApp, phoneNumber: string): Test {
  return app.request.post('/api/v2/auth/send-otp').send({ phone_number: phoneNumber });
}

export interface Submission {
  phone_number: string;
  otp: string;
  role?: string;
  device_name?: string;
}

/** Submits a code, whatever the answer will be. */
export function submitCode(app: TestApp, submission: Submission): Test {
  return app.request.post('/api/v2/auth/verify-otp').send(submission);
}

/** Lets the minute between two codes be over. */
export async function endCooldown(app: TestApp, phoneNumber: string): Promise<void> {
  await app.context.ephemeral.delete(`otp:cooldown:${phoneNumber}`);
}

/** A further code for a number, its cooldown over. */
export async function resendCode(app: TestApp, phoneNumber: string): Promise<string> {
  await endCooldown(app, phoneNumber);
  await requestCode(app, phoneNumber).expect(200);
  return lastCode(app, phoneNumber);
}

/** How many messages went to a number. */
export function countMessages(app: TestApp, phoneNumber: string): number {
  return app.context.outbox?.list().filter(({ to }) => to === phoneNumber).length ?? 0;
}

/** Submits wrong codes one after the other, and gives the status of each answer. */
export async function failTimes(
  app: TestApp,
  phoneNumber: string,
  times: number,
): Promise<number[]> {
  const otp = wrongCode(lastCode(app, phoneNumber));
  const statuses: number[] = [];
  for (let count = 0; count < times; count++) {
    statuses.push((await submitCode(app, { phone_number: phoneNumber, otp })).status);
  }
  return statuses;
}

/** How often each status was answered. */
export function tally(answers: readonly { status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
