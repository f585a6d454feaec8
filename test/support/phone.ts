import { randomInt } from 'node:crypto';
import assert from 'node:assert/strict';
import type { TestApp } from './app.ts';

/** A number that no other test uses. */
export function newPhoneNumber(): string {
  return `+1415${String(randomInt(10_000_000)).padStart(7, '0')}`;
}

export interface Tokens {
  access_token: string;
  refresh_token: string;
  user: { id: number; role: string; roles: string[] };
}

/** The code that was last sent to a number, as its owner reads it. */
export function lastCode(app: TestApp, phoneNumber: string): string {
  const message = app.context.outbox?.list().find(({ to }) => to === phoneNumber);
  assert.ok(message?.code, `no code was sent to ${phoneNumber}`);
  return message.code;
}

/** Another code than the right one. */
export function wrongCode(rightCode: string): string {
  return rightCode === '000000' ? '000001' : '000000';
}

export async function sendCode(app: TestApp, phoneNumber: string): Promise<string> {
  await app.request.post('/api/v2/auth/send-otp').send({ phone_number: phoneNumber }).expect(200);
  return lastCode(app, phoneNumber);
}

interface SignIn {
  phoneNumber?: string;
  role?: string;
  device_name?: string;
}

/** Signs in as a phone app does. */
export async function signIn(app: TestApp, options: SignIn = {}): Promise<Tokens> {
  const { phoneNumber = newPhoneNumber(), ...body } = options;
  const otp = await sendCode(app, phoneNumber);
  const { body: tokens } = (await app.request
    .post('/api/v2/auth/verify-otp')
    .send({ phone_number: phoneNumber, otp, ...body })
    .expect(200)) as { body: Tokens };
  return tokens;
}

/** The header of an authenticated request. */
export function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` };
}
