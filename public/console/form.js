import { problemNotice, whileBusy } from './feedback.js';
import { isAbort } from './problem.js';
import { content, freshId, h } from './view.js';

/**
 * A labelled input with room for a hint and for what is wrong with it.
 * @param control an element of your own (select, textarea); else an input is made with the other attributes
 */
export function field({ label, name, hint, control, ...attributes }) {
  const id = freshId(name);
  const input = control ?? h('input', { type: 'text', ...attributes });
  input.id = id;
  input.name = name;
  const described = content([hint && h('p.hint', { id: `${id}-hint` }, hint)]);
  const fault = h('p.field-error', { id: `${id}-fault` });
  input.setAttribute('aria-describedby', [...described, fault].map((each) => each.id).join(' '));
  return h('div.field', {}, h('label', { for: id }, label), input, described, fault);
}

/** @param options `[value, text]` */
export function select(options, value = '') {
  const control = h(
    'select',
    {},
    options.map(([each, text]) => h('option', { value: each }, text)),
  );
  control.value = value;
  return control;
}

/** A box that shows what is typed into the passwords of its form. */
export function showPasswords() {
  const box = h('input', { type: 'checkbox', onchange: toggle });
  return h('label.choice', {}, box, 'Show what I type');
}

function toggle({ target }) {
  for (const input of target.form.querySelectorAll('input[autocomplete$="-password"]')) {
    input.type = target.checked ? 'text' : 'password';
  }
}

/**
 * A form whose refusals are shown where they belong: beside the field that is named, else above the button.
 * @param options `fields`: fields and whatever stands between them; `submit`: the button's words; `onSubmit(values)`: may
 *   take its time, and what it throws is shown; `actions`: further buttons; `kind`: classes of the button.
 */
export function form({ fields, submit, onSubmit, actions = [], kind = 'primary' }) {
  const button = h(`button.${kind}`, { type: 'submit' }, submit);
  const problem = h('div.problem', {});
  const root = h('form', { novalidate: true, method: 'post' }, fields, problem);
  root.append(h('div.actions', {}, button, actions));
  root.addEventListener('submit', (event) => {
    event.preventDefault();
    void whileBusy(
      button,
      async () => {
        clearFaults(root);
        await onSubmit(valuesOf(root), root);
      },
      (error) => showFaults(root, error),
    );
  });
  return root;
}

/** By the names of the fields; text without the spaces around it, but for passwords. */
export function valuesOf(root) {
  const named = [...root.elements].filter(({ name, type }) => name && type !== 'radio');
  const values = named.map((input) => [input.name, valueOf(input)]);
  const chosen = [...root.querySelectorAll('input[type="radio"]:checked')];
  return Object.fromEntries([...values, ...chosen.map(({ name, value }) => [name, value])]);
}

function valueOf({ type, value, checked, autocomplete }) {
  if (type === 'checkbox') return checked;
  return type === 'password' || autocomplete?.endsWith('-password') ? value : value.trim();
}

/** What is wrong, found by the page itself before anything is sent. */
export class FieldFault extends Error {
  constructor(path, message) {
    super(message);
    this.errors = [{ path, message }];
  }
}

export function showFaults(root, error) {
  if (isAbort(error)) return;
  const left = (error.errors ?? []).filter((fault) => !showFault(root, fault));
  const isAllBeside = error.errors?.length > 0 && left.length === 0;
  if (!isAllBeside) {
    root.querySelector('.problem').replaceChildren(problemNotice(error, { faults: left }));
  }
  root.querySelector('[aria-invalid="true"]')?.focus();
}

export function clearFaults(root) {
  root.querySelector('.problem').replaceChildren();
  for (const input of root.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid');
    faultOf(input)?.replaceChildren();
  }
}

function showFault(root, { path, message }) {
  const input = root.elements[path.replace(/^body\./, '')];
  const fault = input instanceof Element ? faultOf(input) : undefined;
  if (!fault) return false;
  input.setAttribute('aria-invalid', 'true');
  fault.append(h('span', {}, fault.childElementCount > 0 ? h('br') : null, message));
  return true;
}

function faultOf(input) {
  return input.closest('.field')?.querySelector('.field-error');
}
