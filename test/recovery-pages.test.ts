import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startApp } from './support/app.ts';

const app = await startApp();
const PAGES = ['/reset-password.html', '/verify-email.html'];

/** The values of an attribute in a page, in their order. */
function valuesOf(html: string, attribute: string): string[] {
  return Array.from(
    html.matchAll(new RegExp(`\\b${attribute}="([^"]*)"`, 'g')),
    ([, value = '']) => value,
  );
}

for (const path of PAGES) {
  describe(path, () => {
    test('is served as a page that sends no referrer and cannot be framed', async () => {
      const answer = await app.request
        .get(path)
        .expect(200)
        .expect('content-type', /^text\/html/);
      assert.equal(answer.get('referrer-policy'), 'no-referrer');
      assert.equal(answer.get('x-frame-options'), 'DENY');
      const policy = answer.get('content-security-policy') ?? '';
      for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
        assert.ok(policy.split(';').includes(rule), `${rule} is in ${policy}`);
      }
    });

    test('runs only scripts of ours, and everything that it names is there', async () => {
      const { text } = await app.request.get(path);
      assert.doesNotMatch(text, /<script(?![^>]* src=)|\son\w+=|javascript:|https?:|style=/i);
      for (const name of [...valuesOf(text, 'src'), ...valuesOf(text, 'href')]) {
        await app.request.get(`/${name}`).expect(200);
      }
    });
  });
}

test('everything that their script imports is there', async () => {
  const { text } = await app.request.get('/recovery.js').expect(200);
  const imports = Array.from(text.matchAll(/ from '\.(\/[^']+)'/g), ([, path = '']) => path);
  assert.equal(imports.length, 5);
  for (const path of imports) await app.request.get(path).expect(200);
});
