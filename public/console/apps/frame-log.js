import { clockTime } from '../time.js';
import { content, freshId, h, icon } from '../view.js';

const MARKS = { in: 'arrowIn', out: 'arrowOut', note: 'dots' };
const SPOKEN = { in: 'Received', out: 'Sent', note: 'Note' };

/** What came, went and happened on a phone; each line opens to its JSON. */
export function frameLog(phone) {
  const list = h('div.frames', {
    tabindex: '0',
    role: 'log',
    'aria-label': `Frames of ${phone.name}`,
  });
  const empty = h('p.small.muted.frames-empty', {}, 'Nothing yet.');
  const bar = toolbar({ phone, onFilter: () => drawAll(), onPause: (isOn) => pause(isOn) });
  let isPaused = false;

  const isWanted = (entry) => textOf(entry).includes(bar.filter());
  const drawAll = () => {
    list.replaceChildren(...phone.entries.filter(isWanted).map(lineOf));
    toEnd(list);
    empty.hidden = list.childElementCount > 0;
  };
  const pause = (isOn) => {
    isPaused = isOn;
    if (!isOn) drawAll();
  };
  const add = (entry) => {
    if (isPaused || !isWanted(entry)) return;
    // A reader who has scrolled up stays there.
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(lineOf(entry));
    while (list.childElementCount > phone.entries.length) list.firstElementChild.remove();
    empty.hidden = true;
    if (isAtEnd) toEnd(list);
  };
  drawAll();
  const stop = phone.listen((what, entry) => {
    if (what === 'entry') add(entry);
    if (what === 'clear') drawAll();
  });
  const head = h('div.row.spread', {}, h('h3', {}, 'Frames'), bar.root);
  requestAnimationFrame(() => toEnd(list));
  return { root: h('div.stack.tight', {}, head, h('div.well', {}, empty, list)), close: stop };
}

function toEnd(list) {
  list.scrollTop = list.scrollHeight;
}

function toolbar({ phone, onFilter, onPause }) {
  const id = freshId('filter');
  const filter = h('input', { id, type: 'search', placeholder: 'Filter', oninput: onFilter });
  const pause = h('button.quiet.square', { type: 'button', 'aria-pressed': 'false' });
  const show = (isOn) => {
    pause.setAttribute('aria-pressed', String(isOn));
    pause.setAttribute('aria-label', 'Pause');
    pause.title = isOn ? 'Go on' : 'Pause';
    pause.replaceChildren(icon(isOn ? 'play' : 'pause'));
  };
  pause.addEventListener('click', () => {
    const isOn = pause.getAttribute('aria-pressed') !== 'true';
    show(isOn);
    onPause(isOn);
  });
  show(false);
  const clear = h(
    'button.quiet.square',
    { type: 'button', 'aria-label': 'Clear', title: 'Clear', onclick: () => phone.clear() },
    icon('broom'),
  );
  const label = h('label.spoken', { for: id }, `Filter the frames of ${phone.name}`);
  const root = h('div.row.frame-tools', {}, label, h('div.field', {}, filter), pause, clear);
  return { root, filter: () => filter.value.trim().toLowerCase() };
}

function textOf({ type, fields }) {
  return `${type} ${JSON.stringify(fields)}`.toLowerCase();
}

function lineOf({ kind, type, fields, at }) {
  const names = Object.keys(fields);
  const line = content([
    h('time', {}, clockTime(at)),
    icon(MARKS[kind]),
    h('span.spoken', {}, SPOKEN[kind]),
    h('strong', {}, type),
    names.length > 0 && h('span.gist', {}, gistOf(fields)),
  ]);
  if (names.length === 0) return h(`div.frame.${kind}`, {}, h('div.line', {}, line));
  const json = kind === 'note' ? fields : { type, ...fields };
  return h(
    `div.frame.${kind}`,
    {},
    h('details', {}, h('summary.line', {}, line), h('pre', {}, JSON.stringify(json, null, 2))),
  );
}

function gistOf(fields) {
  return Object.entries(fields)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
}
