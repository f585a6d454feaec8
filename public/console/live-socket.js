import { explainClose } from './close-codes.js';
import { SessionOver } from './session.js';

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 30_000;
/** A socket that closes sooner has not proved anything: the delays go on growing. */
const STABLE_MS = 10_000;

/**
 * Keeps one socket open for a session, as the close codes tell it to.
 * The listener is told: `onState(state, { delayMs })`, `onFrame(direction, frame, { roundTripMs })`,
 * `onClose({ code, reason, meaning, action })`, `onFailure(error)`.
 */
export class LiveSocket {
  #session;
  #listener;
  #webSocket = null;
  #timer;
  #isStopped = false;
  #attempts = 0;
  #drainDelayMs = null;
  #prepare = null;
  #pings = new Map();
  #lastRef = 0;

  constructor(session, listener) {
    this.#session = session;
    this.#listener = listener;
  }

  /** Whether a close is still to come that will say why. */
  get isOpenOrClosing() {
    const { readyState } = this.#webSocket ?? {};
    return readyState === WebSocket.OPEN || readyState === WebSocket.CLOSING;
  }

  /** Now, whatever it was waiting for. */
  async connect() {
    clearTimeout(this.#timer);
    if (this.#isStopped || this.#webSocket !== null) return;
    this.#listener.onState('connecting');
    if (await this.#isPrepared()) this.#open();
  }

  #open() {
    if (this.#isStopped || this.#webSocket !== null) return;
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol.replace('http', 'ws');
    const protocols = ['medallion.v1', `medallion.bearer.${this.#session.accessToken}`];
    this.#webSocket = new WebSocket(url, protocols);
    this.#listen(this.#webSocket);
  }

  ping() {
    const ref = ++this.#lastRef;
    this.#pings.set(ref, performance.now());
    this.#send({ type: 'ping', ref });
  }

  /** For good. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#webSocket?.close(1000);
  }

  /** What the last close asked for must be done before the next socket. */
  async #isPrepared() {
    try {
      await this.#prepare?.();
      this.#prepare = null;
      return true;
    } catch (error) {
      this.#listener.onFailure(error);
      if (error instanceof SessionOver) this.stop();
      else if (!this.#isStopped) this.#schedule(this.#backOffMs());
      this.#attempts++;
      return false;
    }
  }

  #listen(webSocket) {
    let openedAt = null;
    webSocket.addEventListener('open', () => {
      openedAt = performance.now();
    });
    webSocket.addEventListener('message', ({ data }) => {
      if (!this.#isStopped) this.#receive(JSON.parse(data));
    });
    webSocket.addEventListener('close', ({ code, reason }) => {
      this.#webSocket = null;
      this.#pings.clear();
      if (!this.#isStopped) this.#afterClose({ code, reason, openedAt });
    });
  }

  #send(frame) {
    if (this.#webSocket?.readyState !== WebSocket.OPEN) return;
    this.#webSocket.send(JSON.stringify(frame));
    const shown = 'access_token' in frame ? { ...frame, access_token: '…' } : frame;
    this.#listener.onFrame('out', shown, {});
  }

  #receive(frame) {
    const sentAt = frame.type === 'pong' ? this.#pings.get(frame.ref) : undefined;
    const roundTripMs = sentAt === undefined ? undefined : performance.now() - sentAt;
    this.#pings.delete(frame.ref);
    this.#listener.onFrame('in', frame, { roundTripMs });
    if (frame.type === 'ready') this.#listener.onState('live');
    if (frame.type === 'drain') this.#drainDelayMs = frame.reconnect_after_ms;
    if (frame.type === 'token_expiring') void this.#renewInBand();
  }

  async #renewInBand() {
    try {
      await this.#session.refresh();
      this.#send({ type: 'refresh', access_token: this.#session.accessToken });
    } catch (error) {
      this.#listener.onFailure(error);
    }
  }

  #afterClose({ code, reason, openedAt }) {
    const { action, meaning } = explainClose(code, reason);
    if (openedAt !== null && performance.now() - openedAt > STABLE_MS) this.#attempts = 0;
    if (action === 'sign-in') this.#isStopped = true;
    this.#listener.onClose({ code, reason, meaning, action });
    this.#prepare = this.#preparationFor(action, openedAt !== null);
    if (action === 'stop') this.#listener.onState('stopped');
    if (action === 'refresh') this.#schedule(this.#attempts === 0 ? 0 : this.#backOffMs());
    if (action === 'back-off') this.#schedule(this.#drainDelayMs ?? this.#backOffMs());
    this.#attempts++;
    this.#drainDelayMs = null;
  }

  #preparationFor(action, wasOpen) {
    if (action === 'refresh') return () => this.#session.refresh();
    // A browser hides why a handshake was refused: whether the session still holds is asked over HTTP.
    return wasOpen ? null : () => this.#session.request('GET', '/api/v2/auth/me');
  }

  /** Full jitter, so that a node that comes back is not met by everybody at once. */
  #backOffMs() {
    return Math.random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#attempts);
  }

  #schedule(delayMs) {
    clearTimeout(this.#timer);
    this.#listener.onState('waiting', { delayMs });
    this.#timer = setTimeout(() => void this.connect(), delayMs);
  }
}
