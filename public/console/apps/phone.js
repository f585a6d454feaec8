import { createClient } from '/client/medallion.js';
import { findEnding, noteEnding } from './endings.js';

const MAX_ENTRIES = 500;
/** How long a session that is over waits for its socket to say why. */
const CLOSE_WAIT_MS = 1500;

/**
 * One phone with the app: signed out, or with a session and its socket, which live on while other pages are shown.
 * Tells its listeners `change` (who is signed in, the socket's state), `entry` and `clear` (of the log).
 */
export class Phone {
  #listeners = new Set();
  #sessionId = null;

  /** @param id of addresses, `a` or `b` */
  constructor(id, client) {
    this.id = id;
    this.name = `Phone ${id.toUpperCase()}`;
    this.client = client;
    this.live = null;
    this.state = { state: 'closed' };
    /** `{ kind: 'in' | 'out' | 'note', type, fields, at }`, the oldest first. */
    this.entries = [];
    /** How the last session came to its end. */
    this.death = null;
    client.on('signedIn', () => this.#begin());
    client.on('signedOut', (end) => this.#end(end));
    client.on('refreshed', () => this.#tell('change'));
  }

  get session() {
    return this.client.session;
  }

  get sessionId() {
    return this.#sessionId;
  }

  /** @returns a function that ends the listening */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Not `signOut`, which would forget the session before its socket can tell of the end. */
  async logOut() {
    noteEnding({ what: 'Log out', by: this.name, sessionId: this.#sessionId });
    await this.client.request('POST', this.client.authPath('/logout'), { body: {} });
    this.#forgetSoon();
  }

  async logOutEverywhere() {
    noteEnding({ what: 'Log out all devices', by: this.name, userId: this.session.user.id });
    await this.client.request('POST', this.client.authPath('/logout-all-devices'));
    this.#forgetSoon();
  }

  /** Ends another session of the same person. */
  async endOther(other) {
    const { sessionId } = other;
    noteEnding({ what: `End ${other.name}`, by: this.name, sessionId });
    await this.client.endSession(sessionId);
  }

  note(type, fields = {}) {
    this.#add({ kind: 'note', type, fields, at: new Date() });
  }

  clear() {
    this.entries = [];
    this.#tell('clear');
  }

  #begin() {
    this.death = null;
    this.#sessionId = null;
    this.note('signed in', { role: this.session.user.role });
    const live = this.client.connect();
    this.live = live;
    this.state = { state: live.state };
    const ifMine = (act) => (said) => {
      if (this.live === live) act(said);
    };
    live.on(
      'state',
      ifMine((state) => this.#changeTo(state)),
    );
    live.on(
      'frame',
      ifMine((seen) => this.#see(seen)),
    );
    live.on(
      'close',
      ifMine((close) => this.#closed(close)),
    );
    this.#tell('change');
  }

  #changeTo(state) {
    this.state = state;
    this.#tell('change');
  }

  #see({ direction, frame: { type, ...fields }, at }) {
    if (type === 'ready') this.#sessionId = fields.session_id;
    this.#add({ kind: direction, type, fields, at });
    if (type === 'ready') this.#tell('change');
  }

  #closed({ code, reason, meaning, action }) {
    const at = performance.now();
    const title = `${code} ${reason}`.trim();
    this.note('closed', { code, reason, meaning });
    if (action !== 'sign-in') return;
    const ended = { sessionId: this.#sessionId, userId: this.session?.user.id };
    const ending = findEnding(ended);
    this.death = { title, meaning, ending, ms: ending && at - ending.pressedAt };
  }

  #end({ detail }) {
    this.live?.close();
    this.live = null;
    this.state = { state: 'closed' };
    this.#sessionId = null;
    this.death ??= { title: 'Signed out', meaning: detail };
    this.note('signed out', {});
    this.#tell('change');
  }

  /** The socket says best why the session is over, if it does so in time. */
  #forgetSoon() {
    const { session } = this;
    setTimeout(() => {
      if (session !== null && this.session?.user.id === session.user.id) void this.client.signOut();
    }, CLOSE_WAIT_MS);
  }

  #add(entry) {
    this.entries.push(entry);
    if (this.entries.length > MAX_ENTRIES) this.entries.shift();
    this.#tell('entry', entry);
  }

  #tell(what, said) {
    for (const listener of [...this.#listeners]) listener(what, said);
  }
}

let phones;

/** The two phones of this page, the same for as long as it is open: their sessions are in its memory only. */
export function openPhones() {
  phones ??= Promise.all(
    ['a', 'b'].map(
      async (id) => new Phone(id, await createClient({ deviceName: `Phone ${id.toUpperCase()}` })),
    ),
  );
  return phones;
}
