import { authPathOf } from './auth-paths.ts';
import type { Farewells } from './farewells.ts';
import { badAnswer, type Http } from './http.ts';
import { readTokens } from './refresher.ts';
import type { SessionKeeper } from './session-keeper.ts';
import type { SessionKind, User } from './users.ts';

export type SecondFactorMethod = 'totp' | 'backup_code';

/** What a first factor leads to: a session, or the question for the second factor. */
export type SignIn =
  | { status: 'signed_in'; user: User }
  | {
      status: 'second_factor_required';
      methods: SecondFactorMethod[];
      /** Seconds. */
      expiresIn: number;
      /** With the code of an authenticator app. A wrong one throws, and another may be tried. */
      verifyTotp(code: string): Promise<User>;
      verifyBackupCode(code: string): Promise<User>;
    };

export interface PhoneCredentials {
  phoneNumber: string;
  code: string;
  /** The role that the session acts in; by default the only one held. */
  role?: 'rider' | 'driver';
  deviceName?: string;
}

export interface PasswordCredentials {
  email: string;
  password: string;
  deviceName?: string;
}

interface SignInParts {
  http: Http;
  keeper: SessionKeeper;
  farewells: Farewells;
  deviceName: string | undefined;
}

interface Challenge {
  two_factor_required?: unknown;
  challenge_token: string;
  expires_in: number;
  methods: SecondFactorMethod[];
}

export function signInWithCode(parts: SignInParts, given: PhoneCredentials): Promise<SignIn> {
  const { phoneNumber, code, role, deviceName } = given;
  const body = { phone_number: phoneNumber, otp: code, ...(role && { role }) };
  return signIn(parts, { kind: 'phone', path: '/verify-otp', body, deviceName });
}

export function signInWithPassword(
  parts: SignInParts,
  { email, password, deviceName }: PasswordCredentials,
): Promise<SignIn> {
  return signIn(parts, { kind: 'account', path: '/login', body: { email, password }, deviceName });
}

interface FirstFactor {
  kind: SessionKind;
  path: string;
  body: object;
  deviceName: string | undefined;
}

async function signIn(parts: SignInParts, factor: FirstFactor): Promise<SignIn> {
  const { kind, path, deviceName = parts.deviceName } = factor;
  const body = { ...factor.body, ...(deviceName && { device_name: deviceName }) };
  const answer = await parts.http.ask({ method: 'POST', path: authPathOf(kind, path), body });
  const { two_factor_required, ...challenge } = (answer ?? {}) as Challenge;
  if (two_factor_required !== true) {
    return { status: 'signed_in', user: await begin(parts, { kind, answer }) };
  }
  const verify = async (way: string, proof: object): Promise<User> => {
    const verified = await parts.http.ask({
      method: 'POST',
      path: authPathOf(kind, way),
      body: { challenge_token: challenge.challenge_token, ...proof },
    });
    return begin(parts, { kind, answer: verified });
  };
  return {
    status: 'second_factor_required',
    methods: challenge.methods,
    expiresIn: challenge.expires_in,
    verifyTotp: (code) => verify('/verify-2fa', { code }),
    verifyBackupCode: (code) => verify('/verify-backup-code', { backup_code: code }),
  };
}

async function begin(
  { keeper, farewells }: SignInParts,
  { kind, answer }: { kind: SessionKind; answer: unknown },
): Promise<User> {
  const { refreshToken, ...tokens } = readTokens(answer);
  const { user } = answer as { user?: User };
  if (refreshToken === undefined || typeof user !== 'object') throw badAnswer();
  if (keeper.session !== null) {
    // Its tokens would live on, and nobody would have them any more.
    void farewells.tell(keeper.stored);
    void keeper.forget(keeper.turn, { reason: 'logout', detail: 'Somebody signed in anew' });
  }
  await keeper.begin({ kind, user, tokens: { ...tokens, refreshToken } });
  return user;
}
