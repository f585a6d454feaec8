import { authPathOf } from './auth-paths.ts';
import { Farewells } from './farewells.ts';
import { Http, type Query } from './http.ts';
import { LiveSession } from './live-session.ts';
import { Live } from './live.ts';
import { platform, reportToPlatform, type WebSocketConstructor } from './platform.ts';
import type { ConnectOptions } from './reconnect-delay.ts';
import { Refresher } from './refresher.ts';
import { Requests } from './requests.ts';
import { SessionKeeper, type ClientEvents } from './session-keeper.ts';
import {
  signInWithCode,
  signInWithPassword,
  type PasswordCredentials,
  type PhoneCredentials,
  type SignIn,
} from './sign-in.ts';
import { systemTiming, type Timing } from './timing.ts';
import { memoryStorage, type TokenStorage } from './token-storage.ts';
import type { Session, SessionPage, User } from './users.ts';
import { assertDeviceId, Vault } from './vault.ts';

export interface ClientOptions {
  /** The service, such as `https://auth.example.com`; in a page, its own origin. */
  url?: string;
  /** Where the session is kept: by default in memory, until the page is left. */
  storage?: TokenStorage;
  /** Shown in lists of sessions. */
  deviceName?: string;
  /** What the service knows this installation by; by default made once, and kept in the storage. */
  deviceId?: string;
  fetch?: typeof fetch;
  WebSocket?: WebSocketConstructor;
  /** How long the service may take for an answer: 10 seconds by default. */
  timeoutMs?: number;
  /** Told of what a listener throws, and of what fails in a storage; by default as an uncaught error. */
  onError?: (error: unknown) => void;
  /** @internal */
  timing?: Timing;
}

export interface RequestOptions {
  /** Is sent as JSON. */
  body?: unknown;
  query?: Query;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const TIMEOUT_MS = 10_000;

/** Reads the session that the storage has, and goes on with it. @throws What the storage throws. */
export async function createClient(options: ClientOptions = {}): Promise<Medallion> {
  assertDeviceId(options.deviceId);
  const { storage = memoryStorage(), deviceId, onError = reportToPlatform } = options;
  const vault = new Vault({ storage, deviceId, onError });
  const keeper = new SessionKeeper({ vault, timing: options.timing ?? systemTiming, onError });
  await keeper.open();
  return new Medallion(options, { vault, keeper });
}

/** One signed-in person at a time, or nobody; their session, requests and live sockets. */
export class Medallion {
  readonly #keeper: SessionKeeper;
  readonly #refresher: Refresher;
  readonly #requests: Requests;
  readonly #farewells: Farewells;
  readonly #http: Http;
  readonly #options: ClientOptions;
  readonly #baseUrl: string;
  readonly #timing: Timing;
  readonly #lives = new Set<Live>();
  readonly #unsubscribe: () => void;

  /** @internal */
  constructor(options: ClientOptions, { vault, keeper }: { vault: Vault; keeper: SessionKeeper }) {
    const { timing = systemTiming, timeoutMs = TIMEOUT_MS } = options;
    this.#options = options;
    this.#timing = timing;
    this.#baseUrl = baseUrlOf(options);
    const http = new Http({
      baseUrl: this.#baseUrl,
      fetch: options.fetch ?? fetch,
      deviceId: () => vault.deviceId,
      timing,
      timeoutMs,
    });
    this.#http = http;
    this.#keeper = keeper;
    this.#refresher = new Refresher({ keeper, vault, http, timing });
    this.#requests = new Requests({ keeper, refresher: this.#refresher, http });
    this.#farewells = new Farewells({ http, timing });
    this.#unsubscribe = vault.subscribe(() => {
      void follow(vault, keeper);
    });
  }

  /** Who is signed in; null for nobody. */
  get session(): Session | null {
    return this.#keeper.session;
  }

  /** @returns what unsubscribes. */
  on<Name extends keyof ClientEvents>(
    name: Name,
    listener: (event: ClientEvents[Name]) => void,
  ): () => void {
    return this.#keeper.events.on(name, listener);
  }

  /** Sends a one-time code by SMS. */
  async sendCode(phoneNumber: string): Promise<{ message: string; expires_in: number }> {
    const path = authPathOf('phone', '/send-otp');
    const body = { phone_number: phoneNumber };
    return (await this.#http.ask({ method: 'POST', path, body })) as ReturnTypeOf<'sendCode'>;
  }

  /** Somebody who is signed in is signed out by it. */
  signInWithCode(credentials: PhoneCredentials): Promise<SignIn> {
    return signInWithCode(this.#signInParts(), credentials);
  }

  /** Makes an account, which then signs in. */
  async register(account: {
    email: string;
    username: string;
    password: string;
  }): Promise<{ user_id: number; email: string }> {
    const path = authPathOf('account', '/register');
    return (await this.#http.ask({
      method: 'POST',
      path,
      body: account,
    })) as ReturnTypeOf<'register'>;
  }

  /** Somebody who is signed in is signed out by it. */
  signInWithPassword(credentials: PasswordCredentials): Promise<SignIn> {
    return signInWithPassword(this.#signInParts(), credentials);
  }

  /**
   * Forgets the credentials at once, whatever the network does; resolves when the service was told, or did not answer:
   * then it is told later.
   */
  async signOut(): Promise<void> {
    if (this.#keeper.session === null) return;
    const { stored, turn } = this.#keeper;
    const why = { reason: 'logout', detail: 'The session was signed out' };
    const forgotten = this.#keeper.forget(turn, why);
    await Promise.all([forgotten, this.#farewells.tell(stored)]);
  }

  /** Ends all sessions of the user. @throws MedallionError where the service could not be told: nothing has ended then */
  async signOutEverywhere(): Promise<void> {
    const { turn } = this.#keeper;
    await this.request('POST', this.authPath('/logout-all-devices'));
    const detail = 'All devices were signed out';
    await this.#keeper.forget(turn, { reason: 'logout_all', detail });
  }

  /** Renews the access token now, one request however many call. @throws MedallionError */
  async refresh(): Promise<void> {
    const { turn, stored } = this.#keeper;
    await this.#refresher.refresh(turn, stored.accessToken);
  }

  /** What the service says of the user; `session.user` is that from then on. */
  async me(): Promise<User> {
    const { turn } = this.#keeper;
    const user = await this.request<User>('GET', this.authPath('/me'));
    await this.#keeper.update(turn, user);
    return user;
  }

  /** The user's sessions on all devices, the newest first. */
  async listSessions(page: { cursor?: string; limit?: number } = {}): Promise<SessionPage> {
    return this.request('GET', this.authPath('/sessions'), { query: page });
  }

  /** Ends one of the user's sessions. */
  async endSession(id: string): Promise<void> {
    if (id === '') throw new TypeError('The id of a session is not empty');
    await this.request('DELETE', this.authPath(`/sessions/${encodeURIComponent(id)}`));
  }

  /** Where the service answers for sessions of this kind: `/me` is `/api/auth/me` or `/api/v2/auth/me`. */
  authPath(path: string): string {
    return authPathOf(this.#keeper.stored.kind, path);
  }

  /**
   * Asks the service in the name of the session, and gives the parsed answer. The token is refreshed shortly before it
   * expires, and once after a 401; then the request is sent again.
   * @throws MedallionError; the signal's reason if it is aborted
   */
  async request<Answer = unknown>(
    method: string,
    path: string,
    options: RequestOptions = {},
  ): Promise<Answer> {
    return (await this.#requests.ask({ method, path, ...options })) as Answer;
  }

  /** As `request`, but like `fetch`: every answer resolves, and the body may be anything. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return this.#requests.fetch(path, init);
  }

  /** Opens a live socket, and keeps it open until it is closed or the session ends. @throws `signed_out` */
  connect(options?: ConnectOptions): Live {
    const ask = () => this.me();
    const session = new LiveSession({ keeper: this.#keeper, refresher: this.#refresher, ask });
    const live = new Live(
      {
        url: `${this.#baseUrl.replace(/^http/, 'ws')}/ws`,
        WebSocket: webSocketOf(this.#options),
        session,
        timing: this.#timing,
        onError: this.#options.onError ?? reportToPlatform,
      },
      options,
    );
    this.#lives.add(live);
    live.on('state', ({ state }) => {
      if (state === 'closed') this.#lives.delete(live);
    });
    return live;
  }

  /** Stops everything that this client does by itself. The session stays in its storage. */
  close(): void {
    this.#unsubscribe();
    this.#farewells.stop();
    for (const live of this.#lives) live.close();
  }

  #signInParts() {
    return {
      http: this.#http,
      keeper: this.#keeper,
      farewells: this.#farewells,
      deviceName: this.#options.deviceName,
    };
  }
}

/** Does as others did who share the storage. */
async function follow(vault: Vault, keeper: SessionKeeper): Promise<void> {
  const { epoch } = keeper;
  const stored = await vault.read();
  if (stored === undefined) return;
  // What was read is older than a sign-in or a sign-out of our own.
  if (epoch !== keeper.epoch) await follow(vault, keeper);
  else keeper.adopt(stored);
}

type ReturnTypeOf<Name extends 'sendCode' | 'register'> = Awaited<ReturnType<Medallion[Name]>>;

/** Without a slash at its end. @throws TypeError */
function baseUrlOf({ url = platform.location?.origin }: ClientOptions): string {
  if (url !== undefined && /^https?:\/\/[^/?#]/.test(url)) return url.replace(/\/+$/, '');
  throw new TypeError('url is the address of the service, such as https://auth.example.com');
}

function webSocketOf({ WebSocket = platform.WebSocket }: ClientOptions): WebSocketConstructor {
  if (WebSocket) return WebSocket;
  throw new TypeError('There is no WebSocket here: give one to createClient');
}
