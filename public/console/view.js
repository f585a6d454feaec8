/** A copy of the template; its parts are found by their `data-ref`. */
export function createView(template) {
  const root = template.content.firstElementChild.cloneNode(true);
  const parts = [...root.querySelectorAll('[data-ref]')];
  return { root, ...Object.fromEntries(parts.map((part) => [part.dataset.ref, part])) };
}

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Does what a button is for, but not twice at once. */
export async function whileBusy(button, task) {
  if (button.ariaBusy === 'true') return;
  button.ariaBusy = 'true';
  try {
    await task();
  } finally {
    button.ariaBusy = null;
  }
}

/** The sentence of the error, and beside each wrong field what is wrong with it. */
export function showError(view, error) {
  view.error.textContent = error.message;
  for (const { path, message } of error.fields ?? []) {
    const input = view.root.querySelector(`form:not([hidden]) .field [name="${CSS.escape(path)}"]`);
    if (input === null) view.error.append(` (${path}: ${message})`);
    else markInvalid(input, message);
  }
  view.root.querySelector('[aria-invalid]')?.focus();
}

let lastId = 0;

function markInvalid(input, message) {
  const id = `field-error-${++lastId}`;
  // Not inside the label, whose name it would become part of.
  input.closest('.field').after(element('p', { id, className: 'field-error' }, message));
  input.ariaInvalid = 'true';
  input.setAttribute('aria-describedby', id);
}

export function clearErrors(view) {
  view.error.replaceChildren();
  for (const message of view.root.querySelectorAll('.field-error')) message.remove();
  for (const input of view.root.querySelectorAll('[aria-invalid]')) {
    input.ariaInvalid = null;
    input.removeAttribute('aria-describedby');
  }
}
