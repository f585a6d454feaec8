import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import type { Mail, MailSender } from '../../server/messaging/mail-sender.ts';
import { createSmtpMail } from '../../server/messaging/smtp-mail.ts';
import { recordText } from './secret-record.ts';
import { atEnd } from './teardown.ts';

export const FROM = 'Medallion <no-reply@medallion.example>';
export const ADDRESS = 'ada@example.com';

export interface ReceivedMail {
  /** The addresses of the envelope. */
  recipients: string[];
  raw: string;
  /** By their names in lower case, unfolded. */
  headers: Map<string, string>;
  text: string;
  html: string;
}

/** How the server answers a recipient: a status, which is final from 500 on, or never. */
export type Behaviour = number | 'hang';

/** A mail server: it keeps what it accepted. */
export interface Smtp {
  url: string;
  messages: ReceivedMail[];
  /** Every recipient that was named to it, accepted or not. */
  attempts: string[];
  /** Answers the next attempts so, one after the other; those that follow are accepted. */
  behave: (...behaviours: Behaviour[]) => void;
  stop: () => Promise<void>;
}

interface SmtpOptions {
  /** TLS from the start, with a certificate that nobody has signed. */
  secure?: boolean;
  /** What it takes to send. */
  password?: string;
}

class Answer extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, sentence: string) {
    super(sentence);
    this.responseCode = responseCode;
  }
}

export async function startSmtp({ secure = false, password }: SmtpOptions = {}): Promise<Smtp> {
  const messages: ReceivedMail[] = [];
  const attempts: string[] = [];
  const queue: Behaviour[] = [];
  const server = new SMTPServer({
    secure,
    authOptional: password === undefined,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 20,
    onAuth: (auth, _session, answer) => {
      if (auth.password === password) answer(null, { user: auth.username });
      else answer(new Answer(535, `${auth.password ?? ''} is not the password`));
    },
    onRcptTo: ({ address }, _session, answer) => {
      attempts.push(address);
      const behaviour = queue.shift() ?? 250;
      if (behaviour === 250) answer();
      else if (behaviour !== 'hang') answer(new Answer(behaviour, `not to ${address}`));
    },
    onData: (stream, { envelope }, answer) => {
      void text(stream).then((raw) => {
        const recipients = envelope.rcptTo.map(({ address }) => address);
        const mail = { recipients, raw, ...readMail(raw) };
        recordText(mail.text, 'node');
        messages.push(mail);
        answer();
      });
    },
  });
  server.on('error', () => undefined); // a client that goes away in the middle
  const listener = server.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(resolve);
    });
  atEnd(stop);
  return {
    url: `${secure ? 'smtps' : 'smtp'}://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    messages,
    attempts,
    behave: (...behaviours) => {
      queue.splice(0, queue.length, ...behaviours);
    },
    stop,
  };
}

/** A sender that is closed when the tests are over. */
export function senderTo(url: string): MailSender {
  const sender = createSmtpMail({ url, from: FROM });
  atEnd(sender.close);
  return sender;
}

export function mailAbout(subject: string): Mail {
  return { subject, text: `text of ${subject}`, html: `<p>html of ${subject}</p>` };
}

/** The subjects of what was accepted, in order. */
export function subjectsOf({ messages }: Smtp): (string | undefined)[] {
  return messages.map(({ headers }) => headers.get('subject'));
}

function readMail(raw: string): Pick<ReceivedMail, 'headers' | 'text' | 'html'> {
  const { headers, body } = readPart(raw.replaceAll('\r\n', '\n'));
  const boundary = /boundary="([^"]+)"/.exec(headers.get('content-type') ?? '')?.[1];
  const parts = boundary ? body.split(`--${boundary}`).slice(1, -1).map(readPart) : [];
  const find = (type: string) =>
    parts.find((part) => part.headers.get('content-type')?.startsWith(type))?.body ?? '';
  return { headers, text: find('text/plain'), html: find('text/html') };
}

function readPart(raw: string): { headers: Map<string, string>; body: string } {
  const part = raw.replace(/^\n/, '');
  const end = part.indexOf('\n\n');
  const lines = part
    .slice(0, end)
    .replace(/\n[ \t]+/g, ' ')
    .split('\n');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = decode(part.slice(end + 2), headers.get('content-transfer-encoding'));
  return { headers, body: body.trimEnd() };
}

function decode(body: string, encoding = '7bit'): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString();
  if (encoding !== 'quoted-printable') return body;
  const bytes = body
    .replace(/=\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
