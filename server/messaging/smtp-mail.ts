import { createTransport, type NodemailerError } from 'nodemailer';
import { MailError, type MailSender } from './mail-sender.ts';

const TIMEOUTS = { connectionTimeout: 4000, greetingTimeout: 4000, socketTimeout: 8000 };
/** For one attempt in all: a server that answers a byte now and then never runs into a socket's time-out. */
const ATTEMPT_TIMEOUT_MS = 20_000;

/** One mailbox and nothing beside it: no list, no group, no line break, no quoted local part. */
const ONE_ADDRESS = /^[^\s\p{C}@<>()[\]\\,;:"]+@[^\s\p{C}@<>()[\]\\,;:"]+$/u;

/**
 * Sends over SMTP, with TLS as the URL says: from the start with `smtps:`; with `smtp:` where the server
 * offers it, or always with `?requireTLS=true`.
 */
export function createSmtpMail({ url, from }: { url: string; from: string }): MailSender {
  const address = new URL(url);
  // nodemailer's own log would hold the addresses.
  address.searchParams.delete('logger');
  const options = { url: address.href, pool: true, maxConnections: 1, maxRequeues: 1 } as const;
  const transport = createTransport({ ...options, ...TIMEOUTS });
  return {
    send: async (to, { subject, text, html }) => {
      // nodemailer takes a string for a list, so that one field would reach many.
      if (!ONE_ADDRESS.test(to)) throw new MailError('the address is not a single one', true);
      try {
        await transport.sendMail({
          from,
          to: { name: '', address: to },
          subject,
          text,
          html,
          headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834 §5
          signal: AbortSignal.timeout(ATTEMPT_TIMEOUT_MS),
        });
      } catch (error) {
        throw toMailError(error as NodemailerError, address.host);
      }
    },
    close: () => {
      transport.close({ force: true });
    },
  };
}

function toMailError(error: NodemailerError, host: string): MailError {
  const { code, command, responseCode, permanent } = error;
  const facts = [code ?? error.name, command, responseCode].filter((fact) => fact !== undefined);
  return new MailError(`${host} failed: ${facts.join(', ')}`, permanent === true);
}
