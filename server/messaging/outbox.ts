export interface OutboxMessage {
  channel: 'sms';
  to: string;
  body: string;
  code: string;
  created_at: string;
}

const CAPACITY = 200;

/** The last messages that the console sender sent, the newest first. */
export class Outbox {
  readonly #messages: OutboxMessage[] = [];

  add(message: OutboxMessage): void {
    this.#messages.unshift(message);
    this.#messages.length = Math.min(this.#messages.length, CAPACITY);
  }

  list(): readonly OutboxMessage[] {
    return this.#messages;
  }
}
