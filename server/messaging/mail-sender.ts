export interface Mail {
  subject: string;
  text: string;
  html: string;
  /** The code that the text holds, for the outbox. */
  code?: string | undefined;
}

export interface MailSender {
  /** Sends to one address; resolves when the server has accepted it. @throws MailError */
  send: (to: string, mail: Mail) => Promise<void>;
  /** Lets go of its connections; what is under way fails. */
  close: () => void;
}

/**
 * A mail that was not accepted: who failed and how, fit for a log. It names neither the address nor
 * anything of the mail, and has no cause: a server's own words quote both.
 */
export class MailError extends Error {
  override readonly name = 'MailError';
  /** The same mail would be refused again. */
  readonly isPermanent: boolean;

  constructor(sentence: string, isPermanent: boolean) {
    super(sentence);
    this.isPermanent = isPermanent;
  }
}
