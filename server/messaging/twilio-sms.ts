import type { Log } from '../log.ts';
import { postToProvider } from './post-to-provider.ts';
import type { SmsSender } from './sms-sender.ts';

interface TwilioOptions {
  baseUrl: string;
  accountSid: string;
  authToken: string;
  from: string;
}

/** Twilio's Messages resource, https://www.twilio.com/docs/messaging/api/message-resource */
export function createTwilioSms(log: Log, options: TwilioOptions): SmsSender {
  const { accountSid, authToken, from } = options;
  const path = `/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`;
  const credentials = Buffer.from(`${accountSid}:${authToken}`).toString('base64');
  return ({ to, body }) =>
    postToProvider(log, {
      url: new URL(path, options.baseUrl).href,
      headers: {
        authorization: `Basic ${credentials}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ To: to, From: from, Body: body }).toString(),
    });
}
