import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Mail } from '../server/messaging/mail-sender.ts';
import { lockedOutMail, newDeviceMail, passwordChangedMail } from '../server/messaging/mails.ts';
import { ADDRESS, senderTo, startSmtp } from './support/smtp.ts';

const AT = new Date('2026-03-05T14:07:30Z');

describe('a mail', () => {
  const ip = '203.0.113.7';
  const device = { deviceName: 'Ada’s phone', userAgent: 'Mozilla/5.0 (X11; Linux x86_64)' };
  const mails = {
    'about a lockout': lockedOutMail({ lockedUntil: AT, ip }),
    'about a new device': newDeviceMail({ ...device, ip, at: AT }),
    'about a changed password': passwordChangedMail({ at: AT, ip }),
  };

  for (const [name, { subject, text, html }] of Object.entries(mails)) {
    test(`${name} says when, from where and what to do, in both parts`, () => {
      assert.match(subject, /^[\x20-\x7e]{10,60}$/);
      for (const part of [text, html]) {
        assert.ok(part.includes('5 March 2026 at 14:07 UTC'));
        assert.ok(part.includes(ip));
        assert.match(part, /If this was not you/);
        assert.match(part, /end (all other|the) sessions/);
        assert.match(part, /Nobody .* will ever ask for your password or for a code/);
      }
    });

    test(`${name} loads nothing, links to nothing and sets no colour`, () => {
      assert.doesNotMatch(html, /<(?:a|img|table|script|link|style)\b|https?:|url\(|src=|href=/i);
      assert.doesNotMatch(html, /(?:color|background):/i);
      assert.match(html, /<meta name="color-scheme" content="light dark">/);
    });
  }

  test('about a new device names it, whatever is known of it', () => {
    const { text } = newDeviceMail({ ...device, ip, at: AT });
    assert.match(text, /^Device, as it calls itself: Ada’s phone$/m);
    assert.match(text, /^Application, as it calls itself: Mozilla\/5\.0 \(X11; Linux x86_64\)$/m);
    const unknown = newDeviceMail({ deviceName: null, userAgent: ' \n', ip: null, at: AT });
    assert.equal(unknown.text.match(/: not known$/gm)?.length, 3);
    for (const { text } of [
      lockedOutMail({ lockedUntil: AT, ip: null }),
      passwordChangedMail({ at: AT, ip: null }),
    ])
      assert.match(text, /^IP address: not known$/m);
  });

  function withDevice(deviceName: string): { line: string; mail: Mail } {
    const mail = newDeviceMail({ deviceName, userAgent: deviceName, ip, at: AT });
    const line = /^Device, as it calls itself: (.*)$/m.exec(mail.text)?.[1] ?? '';
    return { line, mail };
  }

  test('escapes what a device calls itself', () => {
    const name = `<img src=x onerror="a('b')"> & <b>bold</b>`;
    const { line, mail } = withDevice(name);
    assert.equal(line, name);
    assert.doesNotMatch(mail.html, /<img|<b>|onerror="|&(?!#\d+;)/);
    assert.ok(
      mail.html.includes('&#60;img src=x onerror=&#34;a(&#39;b&#39;)&#34;&#62; &#38; &#60;b'),
    );
  });

  test('keeps what a device calls itself on one line, without hidden characters', () => {
    const hidden = 'a\r\n\r\nIf this was you:\tcall\u0000\u0007\u001b[31m\u0085b\u2028c\u2029d';
    assert.equal(withDevice(hidden).line, 'a If this was you: call [31m b c d');
    assert.equal(withDevice('\u202egnp.exe\u2066\u200b\ufeff x').line, 'gnp[.]exe x');
    const lines = (name: string) => withDevice(name).mail.text.split('\n').length;
    assert.equal(lines(hidden), lines('a phone'));
  });

  test('cuts what a device calls itself at 120 characters, and none in half', () => {
    assert.equal(withDevice('x'.repeat(120)).line, 'x'.repeat(120));
    assert.equal(withDevice('x'.repeat(121)).line, `${'x'.repeat(120)}…`);
    assert.equal(withDevice('🚕'.repeat(5000)).line, `${'🚕'.repeat(120)}…`);
  });

  for (const name of [
    'http://evil.example/reset',
    'HTTPS://EVIL.EXAMPLE',
    'www.evil.example',
    'evil.example/path',
    'write to eve@evil.example',
    'http://192.0.2.1/x',
    'http:\u200b//evil\u00ad.example',
    'пример.рф',
    'evil。example',
  ]) {
    test(`makes no link of a device called ${JSON.stringify(name)}`, () => {
      const { mail } = withDevice(name);
      for (const part of [mail.text, mail.html]) {
        assert.doesNotMatch(part, /:\/\//);
        assert.doesNotMatch(part, /[\p{L}\p{N}][.。．｡]\p{L}/u);
      }
    });
  }

  test('arrives as it was written', async () => {
    const smtp = await startSmtp();
    const { mail } = withDevice('x\r\n.\r\nMAIL FROM:<eve@evil.example> 🚕');
    await senderTo(smtp.url).send(ADDRESS, mail);
    const [received] = smtp.messages;
    assert.equal(received?.text, mail.text.trimEnd());
    assert.equal(received.html, mail.html.trimEnd());
  });
});
