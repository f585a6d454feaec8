import { createHmac, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import { postToProvider } from './post-to-provider.ts';
import type { SmsSender } from './sms-sender.ts';

/**
 * POSTs `{to, body, code}` to a service of the team's own, signed as Standard Webhooks has it: HMAC-SHA-256
 * over `id.timestamp.body` in `webhook-signature`. The id is the same for both attempts of one message.
 */
export function createWebhookSms(
  deps: { log: Log; clock: Clock },
  { url, secret }: { url: string; secret: string },
): SmsSender {
  return async (message) => {
    const id = `msg_${randomUUID()}`;
    const timestamp = Math.floor(deps.clock.now() / 1000);
    const body = JSON.stringify(message);
    const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`);
    await postToProvider(deps.log, {
      url,
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(timestamp),
        'webhook-signature': `v1,${signature.digest('base64')}`,
      },
      body,
    });
  };
}
