interface Message {
  to: string;
  body: string;
  created_at: string;
}

interface SmsInOutbox extends Message {
  channel: 'sms';
  code: string;
}

interface MailInOutbox extends Message {
  channel: 'email';
  subject: string;
  code?: string | undefined;
}

export type OutboxMessage = SmsInOutbox | MailInOutbox;

const CAPACITY = 200;

/** The last messages that the console senders sent, the newest first. */
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
