import { timeOf } from './frame-log.js';
import { element } from './view.js';

/** The user's live sessions, each with a button that ends it. */
export class SessionList {
  #view;
  #run;
  #onEnd;
  #session = null;
  #cursor = null;

  /** @param options `run(button, task)`, `onEnd(sessionId)`: what an "End" button does */
  constructor(view, { run, onEnd }) {
    this.#view = view;
    this.#run = run;
    this.#onEnd = onEnd;
    const { reload, more } = view;
    reload.addEventListener('click', () => run(reload, () => this.load()));
    more.addEventListener('click', () => run(more, () => this.#loadPage(this.#cursor)));
  }

  /** Those of another session's user, or null: nobody's. */
  follow(session) {
    this.#session = session;
    this.#view.sessions.replaceChildren();
    this.#view.more.hidden = true;
  }

  async load() {
    if (this.#session !== null) await this.#loadPage(null);
  }

  async #loadPage(cursor) {
    const session = this.#session;
    const query = new URLSearchParams({ limit: '20', ...(cursor && { cursor }) });
    const page = await session.request('GET', `/api/v2/auth/sessions?${query}`);
    if (session !== this.#session) return;
    const { sessions, more } = this.#view;
    if (cursor === null) sessions.replaceChildren();
    sessions.append(...page.sessions.map((item) => this.#row(item)));
    this.#cursor = page.next_cursor;
    more.hidden = page.next_cursor === null;
  }

  #row(item) {
    const name = item.device_name ?? item.user_agent ?? 'Unnamed device';
    const facts = [
      item.is_current && 'this session',
      item.role,
      item.kind !== 'phone' && item.kind,
      `since ${timeOf(new Date(item.created_at))}`,
    ];
    const details = facts.filter(Boolean).join(' · ');
    const end = element('button', { type: 'button', ariaLabel: `End ${name}, ${details}` }, 'End');
    end.addEventListener('click', () => this.#run(end, () => this.#onEnd(item.id)));
    return element('li', {}, element('span', {}, name, element('small', {}, details)), end);
  }
}
