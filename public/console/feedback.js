import { explain, isAbort } from './problem.js';
import { h, icon, content } from './view.js';

const TOAST_MS = 6000;
const MARKS = { success: 'check', error: 'error', warning: 'warning', info: 'info' };

/** @param kind `success`, `error`, `warning` or `info` */
export function notice(kind, { title, text, actions = [] }) {
  const said = h('div', {}, h('strong', {}, title), text && h('span', {}, text));
  if (actions.length > 0) said.append(h('div.row', {}, actions));
  return h(`div.notice.${kind}`, {}, icon(MARKS[kind]), said);
}

/**
 * What went wrong, what to do, and for a fault of the server the id that its log knows it by.
 * @param options `faults`: what is wrong in what was given, where no field shows it
 */
export function problemNotice(error, { retry, faults = error?.errors ?? [] } = {}) {
  const { title, advice, link, requestId } = explain(error);
  const text = content([
    advice,
    requestId && h('span.small', {}, ' Request ', h('code', {}, requestId)),
    faults.map(({ path, message }) => h('span', {}, ` ${path}: ${message}.`)),
  ]);
  const actions = content([
    retry && h('button', { type: 'button', onclick: retry }, 'Try again'),
    link && h('a', { href: link.href }, link.text),
  ]);
  const shown = notice('error', { title, text: text.length > 0 && text, actions });
  shown.setAttribute('role', 'alert');
  return shown;
}

/** Says at the edge of the page what was done; an error stays until it is put away. */
export function toast(message, { kind = 'success' } = {}) {
  const shown = notice(kind, { title: message });
  shown.classList.add('toast');
  const close = () => shown.remove();
  const button = h('button.quiet', { type: 'button', 'aria-label': 'Dismiss', onclick: close });
  button.append(icon('cross'));
  shown.append(button);
  region().append(shown);
  if (kind !== 'error') leaveAlone(shown, close);
}

export function toastError(error) {
  if (isAbort(error)) return;
  const { title, advice } = explain(error);
  toast(`${title} ${advice}`.trim(), { kind: 'error' });
}

/** Goes by itself, but not while somebody reads it. */
function leaveAlone(shown, close) {
  let timer = setTimeout(close, TOAST_MS);
  const hold = () => clearTimeout(timer);
  const release = () => {
    hold();
    timer = setTimeout(close, TOAST_MS);
  };
  shown.addEventListener('pointerenter', hold);
  shown.addEventListener('focusin', hold);
  shown.addEventListener('pointerleave', release);
  shown.addEventListener('focusout', release);
}

/** In the page from the start, so that what comes into it is read out. */
function region() {
  return document.getElementById('toasts');
}

/** Does what a button is for, but not twice at once; what goes wrong is said in a toast, or by `onError`. */
export async function whileBusy(button, task, onError = toastError) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  try {
    await task();
  } catch (error) {
    onError(error);
  } finally {
    button.removeAttribute('aria-busy');
  }
}

/** A button whose task may take its time. @param props as of `h`, and `class` */
export function busyButton(label, task, props = {}) {
  const button = h('button', { type: 'button', ...props }, label);
  button.addEventListener('click', () => void whileBusy(button, () => task(button)));
  return button;
}
