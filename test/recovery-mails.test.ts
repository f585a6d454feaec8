import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  passwordResetMail,
  resetPasswordMail,
  verifyEmailMail,
} from '../server/messaging/recovery-mails.ts';
import { ADDRESS, senderTo, startSmtp } from './support/smtp.ts';

const AT = new Date('2026-03-05T14:07:30Z');
const TOKEN = 'Ab-9_'.repeat(8) + 'xyz';
const PAGE = 'https://rides.example/page.html?lang=en&from="mail"';
const ip = '203.0.113.7';
const link = { page: PAGE, token: TOKEN, lifeSeconds: 3600, at: AT, ip };

const MAILS = {
  'that sets a new password': resetPasswordMail(link),
  'that verifies an address': verifyEmailMail(link),
};

for (const [name, { subject, text, html, code }] of Object.entries(MAILS)) {
  describe(`a mail with a link ${name}`, () => {
    test('says for how long, when, from where and what to do, in both parts', () => {
      assert.match(subject, /^[\x20-\x7e]{10,60}$/);
      for (const part of [text, html]) {
        assert.ok(part.includes('It works once, for one hour.'));
        assert.ok(part.includes('5 March 2026 at 14:07 UTC'));
        assert.ok(part.includes(ip));
        assert.match(part, /If this was not you/);
        assert.match(part, /Nobody .* will ever ask for your password or for a code/);
      }
    });

    test('has the link alone on a line, and nothing else that looks like one', () => {
      const url = `${PAGE}#token=${TOKEN}`;
      assert.deepEqual(
        text.split('\n').filter((line) => line.includes('://')),
        [url],
      );
    });

    test('has one link in HTML that can be clicked, and loads nothing', () => {
      const escaped = 'https://rides.example/page.html?lang=en&#38;from=&#34;mail&#34;';
      const anchors = Array.from(html.matchAll(/<a href="([^"]*)">([^<]+)<\/a>/g));
      assert.deepEqual(
        anchors.map(([, href]) => href),
        [`${escaped}#token=${TOKEN}`],
      );
      const rest = html.replace(anchors[0]?.[0] ?? '', '');
      assert.doesNotMatch(rest, /<(?:a|img|table|script|link|style)\b|https?:|url\(|src=|href=/i);
      assert.doesNotMatch(rest, /(?:color|background):/i);
    });

    test('gives the token to the outbox', () => {
      assert.equal(code, TOKEN);
    });

    test('arrives as it was written, the long line whole', async () => {
      const smtp = await startSmtp();
      await senderTo(smtp.url).send(ADDRESS, { subject, text, html });
      assert.equal(smtp.messages[0]?.text, text.trimEnd());
      assert.equal(smtp.messages[0].html, html.trimEnd());
    });
  });
}

test('a mail says how many hours a link works', () => {
  const { text } = resetPasswordMail({ ...link, lifeSeconds: 24 * 3600 });
  assert.match(text, /It works once, for 24 hours\./);
});

test('a mail with a link tells also where nobody knows where the request came from', () => {
  for (const write of [resetPasswordMail, verifyEmailMail]) {
    assert.match(write({ ...link, ip: null }).text, /^IP address: not known$/m);
  }
});

test('the mail about a reset says when, from where and what to do, and links to nothing', () => {
  const { subject, text, html, code } = passwordResetMail({ at: AT, ip });
  assert.match(subject, /^[\x20-\x7e]{10,60}$/);
  for (const part of [text, html]) {
    assert.ok(part.includes('5 March 2026 at 14:07 UTC'));
    assert.ok(part.includes(ip));
    assert.match(part, /If this was not you, somebody else can read your e-mail/);
    assert.doesNotMatch(part, /<a\b|https?:/);
  }
  assert.equal(code, undefined);
});
