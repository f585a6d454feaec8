import type { Page, Request } from 'playwright-core';
import { recordText } from '../../support/secret-record.ts';

/**
 * Keeps every secret that a page sends or is sent, as those of the test's own clients are kept: the databases of browser
 * tests are searched for them too.
 */
export function recordPage(page: Page): void {
  page.on('request', (request) => {
    recordText(request.postData() ?? '', 'client');
  });
  page.on('requestfinished', (request) => {
    if (request.resourceType() === 'fetch') void recordAnswer(request);
  });
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => {
      recordText(String(payload), 'client');
    });
  });
}

async function recordAnswer(request: Request): Promise<void> {
  try {
    recordText((await (await request.response())?.text()) ?? '', 'node');
  } catch {
    // The page was closed before its answer was read.
  }
}
