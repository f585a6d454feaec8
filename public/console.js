import { Device } from './console/device.js';

/** A close that comes later has another cause. */
const ENDING_MEMORY_MS = 10_000;
/** So that a session that is being ended as well is not asked for its list. */
const RELOAD_DELAY_MS = 400;

/** What the devices of this page know of each other. */
class Page {
  #devices = [];
  #endings = [];
  #reload;

  add(device) {
    this.#devices.push(device);
    return device.root;
  }

  /** Somebody has just pressed a button that ends `sessionId`, or all sessions of `userId`. */
  noteEnding(ending) {
    const noted = { ...ending, clickedAt: performance.now() };
    this.#endings = [noted, ...this.#endings].slice(0, 20);
    return noted;
  }

  /** The click that ended the session, if it was one on this page. */
  findEnding({ sessionId, userId }) {
    const since = performance.now() - ENDING_MEMORY_MS;
    return this.#endings.find(
      (ending) =>
        ending.clickedAt > since &&
        (ending.userId === userId || (ending.sessionId ?? NaN) === sessionId),
    );
  }

  sessionBegan(phoneNumber) {
    for (const device of this.#devices) device.suggest(phoneNumber);
    this.sessionsChanged();
  }

  sessionsChanged() {
    clearTimeout(this.#reload);
    this.#reload = setTimeout(() => {
      for (const device of this.#devices) device.reloadSessions();
    }, RELOAD_DELAY_MS);
  }
}

const page = new Page();
const template = document.getElementById('device');
for (const name of ['Device A', 'Device B']) {
  document.getElementById('devices').append(page.add(new Device(name, { page, template })));
}
