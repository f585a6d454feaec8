import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { createConsoleMail } from '../server/messaging/console-mail.ts';
import { MailError } from '../server/messaging/mail-sender.ts';
import { Outbox } from '../server/messaging/outbox.ts';
import { ADDRESS, FROM, mailAbout, senderTo, startSmtp, subjectsOf } from './support/smtp.ts';
import { TestClock } from './support/test-clock.ts';

describe('the SMTP sender', () => {
  test('delivers a text and an HTML part, as a mail that no machine answers', async () => {
    const smtp = await startSmtp();
    await senderTo(smtp.url).send(ADDRESS, {
      ...mailAbout('Grüße'),
      text: 'Zeile “eins”\nzwei = 2',
    });
    const [received] = smtp.messages;
    assert.ok(received);
    assert.deepEqual(received.recipients, [ADDRESS]);
    assert.equal(received.headers.get('from'), FROM);
    assert.equal(received.headers.get('to'), ADDRESS);
    assert.equal(received.headers.get('auto-submitted'), 'auto-generated');
    assert.match(received.headers.get('content-type') ?? '', /^multipart\/alternative/);
    assert.equal(received.text, 'Zeile “eins”\nzwei = 2');
    assert.equal(received.html, '<p>html of Grüße</p>');
  });

  test('logs in as the URL says', async () => {
    const smtp = await startSmtp({ password: 'p@ss/word' });
    const url = smtp.url.replace('//', '//mailer:p%40ss%2Fword@');
    await senderTo(url).send(ADDRESS, mailAbout('one'));
    assert.deepEqual(subjectsOf(smtp), ['one']);
  });

  test('speaks TLS to a certificate that it can check, and to another only if told so', async () => {
    const smtp = await startSmtp({ secure: true });
    await assert.rejects(senderTo(smtp.url).send(ADDRESS, mailAbout('one')), MailError);
    assert.deepEqual(smtp.attempts, []);
    await senderTo(`${smtp.url}?tls.rejectUnauthorized=false`).send(ADDRESS, mailAbout('two'));
    assert.deepEqual(subjectsOf(smtp), ['two']);
  });

  test('sends nothing in the clear where the URL requires TLS', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(`${smtp.url}?requireTLS=true`);
    await assert.rejects(sender.send(ADDRESS, mailAbout('one')), MailError);
    assert.deepEqual(smtp.attempts, []);
  });

  for (const to of [
    'ada@example.com\r\nBcc: eve@evil.example',
    'ada@example.com\nRCPT TO:<eve@evil.example>',
    'ada@example.com, eve@evil.example',
    'ada@example.com;eve@evil.example',
    'ada@example.com> <eve@evil.example',
    'Ada <ada@example.com>',
    'group:ada@example.com',
    '"ada, eve"@example.com',
    'ada@example.com\u0000',
    'ada@example.com ',
    'ada@eve@example.com',
    'ada',
    '',
  ]) {
    test(`refuses ${JSON.stringify(to)} as an address, for good`, async () => {
      const smtp = await startSmtp();
      await assert.rejects(senderTo(smtp.url).send(to, mailAbout('one')), { isPermanent: true });
      assert.deepEqual(smtp.attempts, []);
    });
  }

  test('takes the addresses that people have', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp.url);
    const addresses = ["o'neil+rides@mail.example.com", 'a_b-c.d@example.co.uk', 'x@y'];
    for (const address of addresses) await sender.send(address, mailAbout('one'));
    assert.deepEqual(smtp.attempts, addresses);
  });

  test('keeps a subject with line breaks on one line', async () => {
    const smtp = await startSmtp();
    const subject = 'Hello\r\nBcc: eve@evil.example\n\nanother body\rX-Other: 1';
    await senderTo(smtp.url).send(ADDRESS, { ...mailAbout('one'), subject });
    const [received] = smtp.messages;
    assert.ok(received);
    assert.deepEqual(received.recipients, [ADDRESS]);
    assert.equal(received.headers.has('bcc'), false);
    assert.equal(received.headers.has('x-other'), false);
    assert.match(received.headers.get('subject') ?? '', /^Hello +Bcc: eve@evil\.example/);
    assert.equal(received.text, 'text of one');
  });

  for (const [status, isPermanent] of [
    [550, true],
    [554, true],
    [451, false],
    [421, false],
  ] as const) {
    test(`says whether ${status} is final, and nothing of what the server said`, async () => {
      const smtp = await startSmtp();
      smtp.behave(status);
      await assert.rejects(senderTo(smtp.url).send(ADDRESS, mailAbout('one')), (error) => {
        assert.ok(error instanceof MailError);
        assert.equal(error.isPermanent, isPermanent);
        assert.ok(error.message.includes(new URL(smtp.url).host));
        assert.ok(error.message.includes(String(status)));
        assert.equal(error.message.includes(ADDRESS), false);
        assert.equal(error.cause, undefined);
        return true;
      });
    });
  }

  test('fails, to be tried again, where there is no server', async () => {
    const smtp = await startSmtp();
    await smtp.stop();
    await assert.rejects(senderTo(smtp.url).send(ADDRESS, mailAbout('one')), {
      isPermanent: false,
    });
  });

  test('sends over a new connection where the server has ended the one it had', async () => {
    const smtp = await startSmtp();
    const sender = senderTo(smtp.url);
    await sender.send(ADDRESS, mailAbout('one'));
    smtp.behave(421);
    await sender.send(ADDRESS, mailAbout('two'));
    assert.deepEqual(subjectsOf(smtp), ['one', 'two']);
    assert.equal(smtp.attempts.length, 3);
  });
});

test('the console sender puts a mail into the outbox and the log', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
  const outbox = new Outbox();
  const sender = createConsoleMail({ log, outbox, clock: new TestClock() });
  await sender.send(ADDRESS, { ...mailAbout('Your code'), code: '493817' });
  await sender.send(ADDRESS, mailAbout('No code'));
  const [newest, oldest] = JSON.parse(JSON.stringify(outbox.list())) as Record<string, unknown>[];
  const { created_at, ...rest } = oldest ?? {};
  assert.match(String(created_at), /^\d{4}-.*Z$/);
  assert.deepEqual(rest, {
    channel: 'email',
    to: ADDRESS,
    subject: 'Your code',
    body: 'text of Your code',
    code: '493817',
  });
  assert.equal('code' in (newest ?? {}), false);
  assert.match(lines[0] ?? '', /text of Your code/);
});
