import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Outbox } from './outbox.ts';
import type { SmsSender } from './sms-sender.ts';

/** For development: the message goes to the log and to the outbox, and no further. */
export function createConsoleSms(deps: { log: Log; outbox: Outbox; clock: Clock }): SmsSender {
  return ({ to, body, code }) => {
    const created_at = new Date(deps.clock.now()).toISOString();
    deps.outbox.add({ channel: 'sms', to, body, code, created_at });
    deps.log.info({ to }, `SMS: ${body}`);
    return Promise.resolve();
  };
}
