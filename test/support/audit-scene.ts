import type { Test } from 'supertest';
import type { Account } from './accounts.ts';
import { decodePart } from './jwt.ts';
import type { Tokens } from './phone.ts';

/** What the log must say beside the request. */
export interface Expected {
  userId: number | null;
  sessionId: string | null;
}

/** Whose event is provoked, and how its request is marked. */
export interface Scene {
  person: Account & { userId: number; phoneNumber: string };
  mark: (request: Test) => Test;
}

export type Provoke = (scene: Scene) => Promise<Expected>;

/** The session that an access token names. */
export function sessionOf({ access_token }: Pick<Tokens, 'access_token'>): string {
  return String(decodePart(access_token, 'payload').jti).split('.')[0] ?? '';
}
