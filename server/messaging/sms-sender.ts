/** A one-time code on its way to a phone. */
export interface SmsMessage {
  /** E.164. */
  to: string;
  body: string;
  /** The code that the body holds, for a provider that composes its own text. */
  code: string;
}

/** Sends a message; resolves when the provider has accepted it. @throws `sms_unavailable` */
export type SmsSender = (message: SmsMessage) => Promise<void>;
