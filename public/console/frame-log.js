import { element } from './view.js';

const MAX_ROWS = 200;
const ARROWS = { in: '←', out: '→', note: '·' };
const SPOKEN = { in: 'received', out: 'sent', note: '' };

/** What came, went and happened, with the time; the oldest rows go. */
export class FrameLog {
  #root;

  constructor(root) {
    this.#root = root;
  }

  frame(direction, { type, ...fields }, { roundTripMs }) {
    const text = Object.entries(fields).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
    if (roundTripMs !== undefined) text.push(`round trip ${inMilliseconds(roundTripMs)}`);
    this.#add(direction, type, text.join(' · '));
  }

  note(title, text) {
    this.#add('note', title, text);
  }

  #add(kind, title, text) {
    const log = this.#root;
    // A reader who has scrolled up stays there.
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const arrow = element('span', { className: 'arrow', textContent: ARROWS[kind] });
    arrow.ariaHidden = 'true';
    const said = element('span', { className: 'said' }, element('strong', {}, title), ' ', text);
    const spoken = element('span', { className: 'spoken' }, SPOKEN[kind]);
    const time = element('time', {}, timeWithMilliseconds(new Date()));
    log.append(element('p', { className: kind }, time, arrow, spoken, said));
    while (log.childElementCount > MAX_ROWS) log.firstElementChild.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
}

function timeWithMilliseconds(date) {
  return `${timeOf(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** The local time, to the second. */
export function timeOf(date) {
  return date.toTimeString().slice(0, 8);
}

export function inMilliseconds(ms) {
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}
