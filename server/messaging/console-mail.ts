import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { MailSender } from './mail-sender.ts';
import type { Outbox } from './outbox.ts';

/** For development: the mail goes to the log and to the outbox, and no further. */
export function createConsoleMail(deps: { log: Log; outbox: Outbox; clock: Clock }): MailSender {
  return {
    send: (to, { subject, text, code }) => {
      const created_at = new Date(deps.clock.now()).toISOString();
      deps.outbox.add({ channel: 'email', to, subject, body: text, code, created_at });
      deps.log.info({ to }, `E-mail: ${subject}\n${text}`);
      return Promise.resolve();
    },
    close: () => undefined,
  };
}
