import assert from 'node:assert/strict';
import { Secret, TOTP } from 'otpauth';
import type { Response, Test } from 'supertest';
import { logIn, PASSWORD, register, tryLogIn } from './accounts.ts';
import type { TestApp } from './app.ts';
import { bearer, newPhoneNumber, sendCode, signIn, type Tokens } from './phone.ts';
import type { FrozenClock } from './rotation.ts';

export const STEP_MS = 30_000;
/** Codes of one-time codes are sent often here. */
export const ENV = { OTP_LIMIT_PER_NUMBER: '100000/60' };
/** Where the tests make many set-ups: each code is hashed. */
export const FEW_CODES = { ...ENV, BACKUP_CODES_COUNT: '2' };

export const WRONG_CODE = { status: 401, code: 'invalid_two_factor_code', detail: 'Invalid code' };
export const BAD_CHALLENGE = {
  status: 401,
  code: 'invalid_challenge',
  detail: 'Invalid or expired challenge',
};

/** An authenticator app beside a clock: another implementation than the server's. */
export class Authenticator {
  readonly #totp: TOTP;
  readonly clock: FrozenClock;

  constructor(secret: string, clock: FrozenClock) {
    this.#totp = new TOTP({ secret: Secret.fromBase32(secret) });
    this.clock = clock;
  }

  /** The code of the present, or of so many time steps from it. */
  code(steps = 0): string {
    return this.#totp.generate({ timestamp: this.clock.now() + steps * STEP_MS });
  }

  /** A code that has not been used: the clock goes on to it. */
  next(): string {
    this.clock.advance(STEP_MS);
    return this.code();
  }

  /** None of those that are accepted now. */
  wrong(): string {
    const right = [-1, 0, 1].map((steps) => this.code(steps));
    return ['000000', '111111', '222222', '333333'].find((code) => !right.includes(code)) ?? '';
  }
}

/** Somebody on one surface: how they show who they are, first and once more. */
export interface Person {
  tokens: Tokens;
  /** Shows the first factor, whatever the answer will be. */
  begin: (app: TestApp, options?: { deviceName?: string }) => Promise<Response>;
  /** What the surface takes to be shown again who it is. */
  prove: (app: TestApp) => Promise<Record<string, string>>;
}

export interface Surface {
  /** Where the second factor's endpoints are. */
  mount: string;
  amr: string;
  makePerson: (app: TestApp) => Promise<Person>;
}

/** Every place that the second factor is asked for. */
export const SURFACES: Surface[] = [
  ...['/api/auth', '/auth/v2'].map((mount) => ({
    mount,
    amr: 'pwd',
    makePerson: (app: TestApp) => makeAccount(app, mount),
  })),
  { mount: '/api/v2/auth', amr: 'sms', makePerson: makePhoneUser },
];

type Registered = Awaited<ReturnType<typeof register>>;

/** Somebody with an account. */
export async function makeAccount(
  app: TestApp,
  mount = '/api/auth',
): Promise<Person & { account: Registered }> {
  const account = await register(app);
  return {
    account,
    tokens: await logIn(app, account, { mount }),
    begin: async (node, { deviceName } = {}) =>
      tryLogIn(node, account, { mount, ...(deviceName && { device_name: deviceName }) }),
    prove: () => Promise.resolve({ password: PASSWORD }),
  };
}

async function makePhoneUser(app: TestApp): Promise<Person> {
  const phoneNumber = newPhoneNumber();
  return {
    tokens: await signIn(app, { phoneNumber }),
    begin: async (node, { deviceName } = {}) => {
      const otp = await sendCode(node, phoneNumber);
      const device = deviceName && { device_name: deviceName };
      return node.request
        .post('/api/v2/auth/verify-otp')
        .send({ phone_number: phoneNumber, otp, ...device });
    },
    prove: async (node) => ({ otp: await sendCode(node, phoneNumber) }),
  };
}

export function post(app: TestApp, path: string, body: object = {}): Test {
  return app.request.post(path).send(body);
}

export interface SetUp {
  secret: string;
  otpauth_url: string;
  qr_code_url: string;
  backup_codes: string[];
}

export async function beginSetUp(app: TestApp, mount: string, token: string): Promise<SetUp> {
  return (await post(app, `${mount}/setup-2fa`, {}).set(bearer(token)).expect(200)).body as SetUp;
}

export interface Protected extends Person {
  authenticator: Authenticator;
  backupCodes: string[];
}

/** Turns the second factor on, as a person does. The step of `authenticator.code()` is used by it. */
export async function protect<Anyone extends Person>(
  { app, mount, clock }: { app: TestApp; mount: string; clock: FrozenClock },
  person: Anyone,
): Promise<Anyone & Protected> {
  const { secret, backup_codes } = await beginSetUp(app, mount, person.tokens.access_token);
  const authenticator = new Authenticator(secret, clock);
  const code = authenticator.next();
  await post(app, `${mount}/verify-2fa-setup`, { code })
    .set(bearer(person.tokens.access_token))
    .expect(200);
  return { ...person, authenticator, backupCodes: backup_codes };
}

interface ChallengeAnswer {
  two_factor_required: boolean;
  challenge_token: string;
  expires_in: number;
  methods: string[];
}

/** Shows the first factor, and gives the challenge that must be the answer. */
export async function challenge(app: TestApp, person: Person): Promise<string> {
  const answer = await person.begin(app);
  return challengeOf(answer).challenge_token;
}

export function challengeOf({ status, body }: Response): ChallengeAnswer {
  assert.equal(status, 200);
  const answer = body as ChallengeAnswer;
  assert.equal(answer.two_factor_required, true);
  return answer;
}

/** Asserts that the first factor alone opens a session again. */
export async function assertUnprotected(app: TestApp, person: Person): Promise<void> {
  const answer = await person.begin(app);
  assert.ok((answer.body as Tokens).access_token);
}

/** Finishes the sign-in with a code, whatever the answer will be. */
export function verify(app: TestApp, mount: string, body: object): Test {
  return post(app, `${mount}/verify-2fa`, body);
}

/** Finishes the sign-in with a backup code, whatever the answer will be. */
export function verifyBackup(app: TestApp, mount: string, body: object): Test {
  return post(app, `${mount}/verify-backup-code`, body);
}
