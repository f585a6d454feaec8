import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { MailError, type Mail, type MailSender } from './mail-sender.ts';

const RETRY_DELAYS_MS = [1000, 5000];
/** By then the answer to the request is out, which the work on a mail would hold up. */
const START_DELAY_MS = 100;
const CAPACITY = 1000;
const CLOSE_PATIENCE_MS = 2000;

interface QueueDeps {
  sender: MailSender;
  clock: Clock;
  log: Log;
  /** Called once for each mail that will never be sent. */
  onFailure: () => void;
}

interface Job {
  to: string;
  mail: Mail;
  startsAt: number;
}

/**
 * Sends mails in the background, one after the other, so that no request waits for a mail server and its
 * answer's time says nothing about whether there was a mail. What waits is lost with the process.
 */
export class MailQueue {
  readonly #deps: QueueDeps;
  readonly #waiting: Job[] = [];
  #worker = Promise.resolve();
  #closing: Promise<void> | null = null;
  #isClosed = false;
  #isWorking = false;
  #endPause = (): void => undefined;

  constructor(deps: QueueDeps) {
    this.#deps = deps;
  }

  /** Takes a mail, or drops it where a thousand wait or the queue is closing. Never throws. */
  send(to: string, mail: Mail): void {
    if (this.#closing) this.#drop(1, 'the queue is closing');
    else if (this.#waiting.length >= CAPACITY) this.#drop(1, 'too many mails are waiting');
    else {
      const startsAt = this.#deps.clock.now() + START_DELAY_MS;
      this.#waiting.push({ to, mail, startsAt });
      if (!this.#isWorking) this.#worker = this.#work();
    }
  }

  /** One last attempt for each mail that waits, at once; after two seconds what is left is dropped. */
  close(): Promise<void> {
    this.#closing ??= this.#finish();
    return this.#closing;
  }

  async #finish(): Promise<void> {
    const patience = Promise.withResolvers<boolean>();
    const cancel = this.#deps.clock.after(CLOSE_PATIENCE_MS, () => {
      patience.resolve(false);
    });
    this.#endPause();
    await Promise.race([this.#worker, patience.promise]);
    cancel();
    this.#isClosed = true;
    const lost = this.#waiting.splice(0).length + (this.#isWorking ? 1 : 0);
    if (lost > 0) this.#drop(lost, 'the mail server was too slow at the end');
    this.#deps.sender.close();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let job = this.#waiting.shift(); job; job = this.#waiting.shift()) {
      // A clock that is set back holds up nothing.
      const delayMs = Math.min(START_DELAY_MS, job.startsAt - this.#deps.clock.now());
      if (delayMs > 0 && !this.#closing) await this.#pause(delayMs);
      await this.#deliver(job);
    }
    this.#isWorking = false;
  }

  async #deliver({ to, mail }: Job): Promise<void> {
    for (const delayMs of [...RETRY_DELAYS_MS, null]) {
      try {
        await this.#deps.sender.send(to, mail);
        return;
      } catch (error) {
        if (this.#isClosed) return; // counted already
        const isRefused = error instanceof MailError && error.isPermanent;
        if (delayMs === null || isRefused || this.#closing) {
          this.#giveUp(error);
          return;
        }
        await this.#pause(delayMs);
      }
    }
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const cancel = this.#deps.clock.after(delayMs, () => {
      resolve(true);
    });
    this.#endPause = () => {
      resolve(false);
    };
    await promise;
    cancel();
  }

  #giveUp(error: unknown): void {
    // Another error than the sender's own may quote the address.
    const reason = error instanceof MailError ? error.message : 'the mail sender threw';
    this.#deps.log.error({ reason }, 'mail failed');
    this.#deps.onFailure();
  }

  #drop(count: number, reason: string): void {
    this.#deps.log.error({ reason, count }, 'mail dropped');
    for (let dropped = 0; dropped < count; dropped++) this.#deps.onFailure();
  }
}
