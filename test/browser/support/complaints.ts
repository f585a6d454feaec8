import type { Page, Request } from 'playwright-core';

/** What went wrong in a page that the test has not announced, in the order in which it did. */
export class Complaints {
  readonly #announced: RegExp[] = [];
  readonly #heard: string[] = [];

  constructor(page: Page) {
    page.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return;
      this.#heard.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.#heard.push(`uncaught: ${error.stack ?? error.message}`));
    page.on('crash', () => this.#heard.push('the page crashed'));
    page.on('requestfailed', (request) => {
      // What a script or a change of page takes back on purpose has not failed.
      if (reasonOf(request) === 'net::ERR_ABORTED') return;
      this.#heard.push(`request: ${request.method()} ${request.url()} ${reasonOf(request)}`);
    });
  }

  /** From now on, and of what was said before, this is no complaint: the test makes it come about. */
  announce(pattern: RegExp): void {
    this.#announced.push(pattern);
  }

  list(): string[] {
    return this.#heard.filter((text) => !this.#announced.some((pattern) => pattern.test(text)));
  }
}

function reasonOf(request: Request): string {
  return request.failure()?.errorText ?? 'unknown';
}
