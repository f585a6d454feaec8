/**
 * The socket of whoever is signed in to an account: one after another, as people sign in and out, under one set of
 * listeners. `state` and the events are those of the client's `connect()`; without a session the state is `closed`.
 */
export class AccountLive {
  #account;
  #live = null;
  #listeners = new Map();

  constructor(account) {
    this.#account = account;
    account.on('signedIn', () => this.#open());
    account.on('signedOut', () => this.#close());
    if (account.session !== null) this.#open();
  }

  get state() {
    return this.#live?.state ?? 'closed';
  }

  /** @returns a function that ends the listening */
  on(type, listener) {
    const listeners = this.#listeners.get(type) ?? new Set();
    this.#listeners.set(type, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  ask(frame, options) {
    return this.#required().ask(frame, options);
  }

  findNearby(query) {
    return this.#required().findNearby(query);
  }

  reconnect() {
    this.#live?.reconnect();
  }

  #required() {
    if (this.#live === null) throw new Error('There is no live connection: sign in first.');
    return this.#live;
  }

  #open() {
    this.#live?.close();
    const live = this.#account.connect();
    this.#live = live;
    for (const type of ['state', 'ready', 'event', 'drain', 'revoked', 'frame', 'close']) {
      live.on(type, (said) => {
        if (this.#live === live) this.#tell(type, said);
      });
    }
    this.#tell('state', { state: live.state });
  }

  #close() {
    this.#live?.close();
    this.#live = null;
    this.#tell('state', { state: 'closed' });
  }

  #tell(type, said) {
    for (const listener of [...(this.#listeners.get(type) ?? [])]) listener(said);
  }
}
