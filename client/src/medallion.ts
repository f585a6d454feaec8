/** The client of Medallion: sign-in, a session that renews itself, requests, and the live socket. */
export { createClient, type ClientOptions, type Medallion, type RequestOptions } from './client.ts';
export { type Close, type CloseAction } from './close-codes.ts';
export { MedallionError, type FieldError } from './errors.ts';
export type {
  Circle,
  DrainFrame,
  ExpiryFrame,
  Frame,
  Location,
  NearbyDriver,
  Point,
  PushedEvent,
  ReadyFrame,
  RevokedFrame,
} from './frames.ts';
export type { LiveEvents, LiveState, SeenFrame, StateChange } from './live-events.ts';
export type { Live } from './live.ts';
export type { WebSocketConstructor, WebSocketLike } from './platform.ts';
export type { ConnectOptions } from './reconnect-delay.ts';
export type { ClientEvents } from './session-keeper.ts';
export type {
  PasswordCredentials,
  PhoneCredentials,
  SecondFactorMethod,
  SignIn,
} from './sign-in.ts';
export { browserStorage, memoryStorage, type TokenStorage } from './token-storage.ts';
export type {
  Role,
  Session,
  SessionInfo,
  SessionKind,
  SessionPage,
  SignedOut,
  User,
} from './users.ts';
