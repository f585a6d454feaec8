import { FrameLog, inMilliseconds, timeOf } from './frame-log.js';
import { LiveSocket } from './live-socket.js';
import { SessionList } from './session-list.js';
import { showOutcome, showState, showWho } from './session-view.js';
import { SessionOver } from './session.js';
import { SignIn } from './sign-in.js';
import { clearErrors, createView, showError, whileBusy } from './view.js';

/** How long a session that is over waits for its socket to say why. */
const CLOSE_WAIT_MS = 1500;

/** One instance of the app: signed out, or with a session and its socket. */
export class Device {
  #name;
  #page;
  #view;
  #log;
  #signIn;
  #list;
  #session = null;
  #socket = null;
  #sessionId = null;

  constructor(name, { page, template }) {
    this.#name = name;
    this.#page = page;
    this.#view = createView(template);
    this.#log = new FrameLog(this.#view.log);
    this.#view.name.textContent = name;
    this.#view.root.ariaLabel = name;
    this.#view.log.ariaLabel = `Frames of ${name}`;
    const run = (button, task) => void this.#run(button, task);
    this.#signIn = new SignIn(this.#view, {
      device: { name, id: randomId() },
      run,
      onSignedIn: (session) => this.#start(session),
    });
    this.#list = new SessionList(this.#view, { run, onEnd: (id) => this.#endOne(id) });
    this.#wire(run);
    showState(this.#view, 'signed-out');
  }

  get root() {
    return this.#view.root;
  }

  suggest(phoneNumber) {
    this.#signIn.suggest(phoneNumber);
  }

  reloadSessions() {
    this.#list.load().catch((error) => this.#fail(error));
  }

  #wire(run) {
    const { ping, reconnect, refresh, logOut, logOutAll } = this.#view;
    const on = (button, task) => button.addEventListener('click', () => run(button, task));
    on(ping, () => this.#socket.ping());
    on(reconnect, () => this.#socket.connect());
    on(refresh, () => this.#refresh());
    on(logOut, () => this.#logOut());
    on(logOutAll, () => this.#logOutAll());
  }

  async #run(button, task) {
    await whileBusy(button, async () => {
      clearErrors(this.#view);
      try {
        await task();
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  #start(session) {
    const view = this.#view;
    this.#session = session;
    this.#sessionId = null;
    view.outcome.replaceChildren();
    this.#signIn.hide();
    view.session.hidden = false;
    showWho(view, session);
    this.#log.note('signed in', `as ${session.user.role}`);
    this.#list.follow(session);
    this.#socket = new LiveSocket(session, this.#listen(session));
    void this.#socket.connect();
    view.name.focus();
    this.#page.sessionBegan(session.user.phone_number);
  }

  /** Forgets the credentials and goes back to the sign-in. */
  #end(outcome) {
    const view = this.#view;
    const hadFocus = view.root.contains(document.activeElement);
    this.#socket.stop();
    this.#socket = null;
    this.#session = null;
    this.#list.follow(null);
    view.session.hidden = true;
    this.#signIn.show();
    showState(view, 'signed-out');
    showOutcome(view, outcome);
    if (hadFocus) view.name.focus();
    this.#page.sessionsChanged();
  }

  #listen(session) {
    // What the socket of an earlier session still says is of no interest.
    const ifCurrent =
      (act) =>
      (...said) => {
        if (session === this.#session) act(...said);
      };
    return {
      onState: ifCurrent((state, details) => {
        showState(this.#view, state, details);
        showWho(this.#view, session);
      }),
      onFrame: ifCurrent((direction, frame, details) => {
        if (frame.type === 'ready') this.#sessionId = frame.session_id;
        if (frame.type === 'refreshed') showWho(this.#view, session);
        this.#log.frame(direction, frame, details);
      }),
      onClose: ifCurrent((close) => this.#closed(close)),
      onFailure: ifCurrent((error) => this.#fail(error)),
    };
  }

  #closed({ code, reason, meaning, action }) {
    const at = performance.now();
    const title = `${code} ${reason}`.trim();
    this.#log.note(`closed ${title}`, meaning);
    if (action !== 'sign-in') {
      showOutcome(this.#view, { title, meaning });
      return;
    }
    const ended = { sessionId: this.#sessionId, userId: this.#session.user.id };
    const click = this.#page.findEnding(ended);
    this.#end({ title, meaning, timing: click && { ...click, ms: at - click.clickedAt } });
  }

  async #refresh() {
    const session = this.#session;
    await session.refresh();
    showWho(this.#view, session);
    this.#log.note('token refreshed', `until ${timeOf(session.expiresAt)}`);
  }

  #logOut() {
    const ending = { what: 'Log out', sessionId: this.#sessionId };
    return this.#endSession(ending, (session) => session.logOut());
  }

  #logOutAll() {
    const ending = { what: 'Log out all devices', userId: this.#session.user.id };
    return this.#endSession(ending, (session) =>
      session.request('POST', '/api/v2/auth/logout-all-devices'),
    );
  }

  async #endOne(sessionId) {
    const path = `/api/v2/auth/sessions/${encodeURIComponent(sessionId)}`;
    const task = (session) => session.request('DELETE', path);
    const isOwn = sessionId === this.#sessionId;
    await this.#endSession({ what: 'End', sessionId }, task, { isOwn });
    if (!isOwn) this.#page.sessionsChanged();
  }

  async #endSession(ending, task, { isOwn = true } = {}) {
    const session = this.#session;
    const { clickedAt, what } = this.#page.noteEnding({ ...ending, by: this.#name });
    await task(session);
    this.#log.note(what, `answered after ${inMilliseconds(performance.now() - clickedAt)}`);
    if (isOwn) this.#expectClose(session, 'The server has ended the session.');
  }

  #fail(error) {
    if (error instanceof SessionOver) this.#expectClose(this.#session, error.message);
    else showError(this.#view, error);
  }

  /** The socket says best why the session is over, if it does so in time. */
  #expectClose(session, meaning) {
    const end = (sentence) => {
      if (session === null || session !== this.#session) return;
      this.#log.note('signed out', sentence);
      this.#end({ title: 'Signed out', meaning: sentence });
    };
    if (!this.#socket?.isOpenOrClosing) end(meaning);
    else
      setTimeout(end, CLOSE_WAIT_MS, `${meaning} Its socket was silent for ${CLOSE_WAIT_MS} ms.`);
  }
}

/** Not `crypto.randomUUID`, which a page served over plain HTTP from another host does not have. */
function randomId() {
  const parts = crypto.getRandomValues(new Uint32Array(4));
  return Array.from(parts, (part) => part.toString(36)).join('');
}
