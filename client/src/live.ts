import { Asks, clientError } from './asks.ts';
import { explainClose, type Close } from './close-codes.ts';
import { Emitter } from './emitter.ts';
import { MedallionError } from './errors.ts';
import type { Circle, DrainFrame, Frame, Location, NearbyDriver, PushedEvent } from './frames.ts';
import { LiveConnection } from './live-connection.ts';
import type { LiveEvents, LiveState, StateChange } from './live-events.ts';
import type { LiveSession } from './live-session.ts';
import { onPageEvent, platform, type WebSocketConstructor } from './platform.ts';
import { ReconnectDelay, type ConnectOptions } from './reconnect-delay.ts';
import type { Timing } from './timing.ts';
import { TokenRenewal } from './token-renewal.ts';

interface LiveParts {
  url: string;
  WebSocket: WebSocketConstructor;
  session: LiveSession;
  timing: Timing;
  onError: (error: unknown) => void;
}

const ASK_PATIENCE_MS = 10_000;
/** A page cannot see why a handshake was refused: after so many the service is asked. */
const REFUSALS_BEFORE_ASKING = 2;

/** Frames whose type is the name of their event. */
const NAMED = ['ready', 'drain', 'token_expiring', 'refreshed', 'revoked'] as const;

/** The live socket of a session: connects, and connects again, until the session ends or `close` is called. */
export class Live {
  readonly #parts: LiveParts;
  readonly #events: Emitter<LiveEvents>;
  readonly #asks: Asks;
  readonly #delay: ReconnectDelay;
  readonly #renewal: TokenRenewal;
  readonly #unsubscribe: (() => void)[];
  #state: LiveState = 'waiting';
  #connection: LiveConnection | null = null;
  /** Counts the attempts: what an earlier one still finds out is of no interest. */
  #attempt = 0;
  #refusals = 0;
  /** The token that the last connection was closed for. */
  #staleToken: string | null = null;
  /** Who the user is, and in which role, is to be read again. */
  #mustAsk = false;
  /** Whether the wait may be cut short by what the platform tells. */
  #mayHurry = false;
  #cancelWait = (): void => undefined;

  constructor(parts: LiveParts, options: ConnectOptions = {}) {
    const { timing, onError, session } = parts;
    this.#parts = parts;
    this.#events = new Emitter(onError);
    this.#asks = new Asks(timing);
    this.#delay = new ReconnectDelay(timing, options);
    this.#renewal = new TokenRenewal({
      session,
      timing,
      connection: () => (this.#state === 'open' ? this.#connection : null),
      ask: (frame) => this.ask(frame),
      onFailed: () => {
        this.#replace();
      },
    });
    this.#unsubscribe = this.#subscribe();
    void this.#connect();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** @returns what unsubscribes. */
  on<Name extends keyof LiveEvents>(
    name: Name,
    listener: (event: LiveEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  /** @throws MedallionError `not_connected`; TypeError for what is no frame, which would cost the connection */
  send(frame: Frame): void {
    if (typeof (frame as Frame | null)?.type !== 'string') {
      throw new TypeError('A frame is an object with a type');
    }
    if (this.#state !== 'open' || this.#connection === null) {
      throw clientError('not_connected', 'The live socket is not open');
    }
    this.#connection.send(frame);
  }

  /** Sends a frame and waits for its answer. @throws MedallionError of an `error` frame; `not_connected`, `connection_lost`, `no_answer` */
  async ask<Answer extends Frame = Frame>(
    frame: Frame,
    { timeoutMs = ASK_PATIENCE_MS }: { timeoutMs?: number } = {},
  ): Promise<Answer> {
    const send = (asked: Frame) => {
      this.send(asked);
    };
    return (await this.#asks.ask(frame, { send, timeoutMs })) as Answer;
  }

  /** Drivers only. Resolves when the service has taken it. */
  async reportLocation(location: Location): Promise<void> {
    await this.ask({ type: 'location', ...location });
  }

  /** Riders and staff only: the nearest drivers first. */
  async findNearby(circle: Circle): Promise<NearbyDriver[]> {
    const { drivers } = await this.ask<Frame & { drivers: NearbyDriver[] }>({
      type: 'nearby',
      ...circle,
    });
    return drivers;
  }

  /** Connects now, in place of waiting; of an open connection, makes sure that it lives. */
  reconnect(): void {
    if (this.#state === 'open') this.#connection?.probe();
    if (this.#state === 'waiting') void this.#connect();
  }

  /** For good. The session stays. */
  close(): void {
    this.#finish('Closed by the app');
  }

  #subscribe(): (() => void)[] {
    const { session } = this.#parts;
    const wake = () => {
      if (platform.document?.visibilityState === 'hidden') return;
      if (this.#state !== 'waiting' || this.#mayHurry) this.reconnect();
    };
    return [
      session.onEnd((detail) => {
        this.#finish(detail);
      }),
      session.onRefreshed(() => {
        this.#renewal.tell();
      }),
      onPageEvent(platform, 'online', wake),
      onPageEvent(platform.document, 'visibilitychange', wake),
    ];
  }

  async #connect(): Promise<void> {
    const { session } = this.#parts;
    const attempt = (this.#attempt += 1);
    this.#cancelWait();
    this.#setState({ state: 'connecting' });
    try {
      if (this.#staleToken !== null) await session.refresh(this.#staleToken);
      if (this.#mustAsk || this.#refusals >= REFUSALS_BEFORE_ASKING) await session.ask();
      const token = await session.freshToken();
      if (attempt !== this.#attempt) return;
      this.#staleToken = null;
      this.#mustAsk = false;
      this.#connection = this.#open(token);
    } catch (error) {
      if (attempt === this.#attempt) this.#failed(error);
    }
  }

  #open(token: string): LiveConnection {
    const { url, WebSocket, timing, onError } = this.#parts;
    const attempt = this.#attempt;
    return new LiveConnection(token, {
      url,
      WebSocket,
      timing,
      onError,
      onFrame: (frame) => {
        if (attempt === this.#attempt) this.#received(frame);
      },
      onSent: (frame) => {
        this.#events.emit('frame', { direction: 'out', frame, at: new Date(timing.now()) });
      },
      onEnd: (end) => {
        if (attempt === this.#attempt) this.#ended(end);
      },
    });
  }

  /** No token could be had, or no WebSocket be made. That the session is over is told by its own event. */
  #failed(error: unknown): void {
    const isOurs = error instanceof MedallionError;
    if (!isOurs) this.#parts.onError(error);
    const told = isOurs ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
    const reason = isOurs ? error.detail : 'The socket could not be made';
    this.#wait(Math.max(told, this.#delay.backOffMs()), reason);
  }

  #received(frame: Frame): void {
    const attempt = this.#attempt;
    this.#events.emit('frame', {
      direction: 'in',
      frame,
      at: new Date(this.#parts.timing.now()),
    });
    // A listener may have closed us.
    if (attempt !== this.#attempt) return;
    this.#asks.answer(frame);
    if (frame.type === 'ready') this.#opened();
    if (frame.type === 'token_expiring') this.#renewal.renew();
    if (frame.type === 'drain') this.#delay.drain((frame as DrainFrame).reconnect_after_ms);
    if (frame.type === 'event') this.#events.emit('event', frame as Frame & PushedEvent);
    const name = NAMED.find((each) => each === frame.type);
    if (name !== undefined) this.#events.emit(name, frame as never);
  }

  #opened(): void {
    this.#refusals = 0;
    this.#setState({ state: 'open' });
    this.#renewal.start();
    this.#delay.opened();
  }

  #ended({ code, reason }: { code: number; reason: string }): void {
    const wasOpen = this.#state === 'open';
    const token = this.#connection?.token ?? null;
    if (!wasOpen) this.#refusals += 1;
    this.#detach();
    const close = explainClose(code, reason);
    const attempt = this.#attempt;
    this.#events.emit('close', close);
    // A listener may have closed us, or signed out.
    if (attempt === this.#attempt) this.#act(close, token);
  }

  #act(close: Close, token: string | null): void {
    const { action, code, reason, meaning } = close;
    switch (action) {
      case 'sign-in':
        this.#parts.session.forget({ reason: reason || 'signed_out', code, detail: meaning });
        this.#finish(meaning);
        return;
      case 'fix':
        this.#finish(meaning);
        return;
      case 'refresh':
        this.#staleToken = token;
        this.#mustAsk = reason === 'role_changed';
        this.#wait(this.#delay.atOnceMs(), meaning);
        return;
      case 'reconnect':
        this.#wait(this.#delay.drainedMs(), meaning);
        // The nodes that take over are not to be asked by all at once.
        this.#mayHurry = false;
        return;
      case 'back-off':
        this.#wait(this.#delay.backOffMs(), meaning);
    }
  }

  /** The connection lives by a token that it cannot exchange: another one can. */
  #replace(): void {
    this.#detach();
    this.#wait(this.#delay.atOnceMs(), 'The connection must be made anew');
  }

  #wait(retryInMs: number, reason: string): void {
    this.#mayHurry = true;
    this.#cancelWait = this.#parts.timing.after(retryInMs, () => {
      void this.#connect();
    });
    this.#setState({ state: 'waiting', retryInMs, reason });
  }

  #finish(reason: string): void {
    if (this.#state === 'closed') return;
    this.#attempt += 1;
    this.#cancelWait();
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#detach();
    this.#setState({ state: 'closed', reason });
  }

  #detach(): void {
    this.#connection?.discard();
    this.#connection = null;
    this.#delay.ended();
    this.#renewal.stop();
    this.#asks.rejectAll();
  }

  #setState(change: StateChange): void {
    this.#state = change.state;
    this.#events.emit('state', change);
  }
}
