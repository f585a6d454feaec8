import { ICONS } from './icons.js';

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element: `h('button.primary', { type: 'button', onclick: save }, 'Save')`.
 * A function is a listener, an object under `style` goes through the CSSOM (the policy of the page refuses the attribute),
 * null, undefined and false are left out but in `aria-*`, and anything else is an attribute. Children may be nested lists.
 */
export function h(selector, props, ...children) {
  const [tag, ...classes] = selector.split('.');
  const element = document.createElement(tag);
  if (classes.length > 0) element.className = classes.join(' ');
  for (const [name, value] of Object.entries(props ?? {})) setProp(element, name, value);
  element.append(...content(children));
  return element;
}

/** What `replaceChildren` and `append` take: without null, undefined and false, and in one list. */
export function content(children) {
  return [children].flat(Infinity).filter((child) => child ?? false);
}

function setProp(element, name, value) {
  if (value === null || value === undefined) return;
  if (typeof value === 'function') element.addEventListener(name.slice(2), value);
  else if (name === 'style') setStyle(element, value);
  else if (name === 'value') element.value = value;
  else if (name.startsWith('aria-')) element.setAttribute(name, String(value));
  else if (value !== false) element.setAttribute(name, value === true ? '' : value);
}

function setStyle(element, style) {
  for (const [name, value] of Object.entries(style)) element.style.setProperty(name, value);
}

/** A mark beside words, silent by itself. @param name a key of `icons.js` */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

let lastId = 0;

/** An id that no other element has. */
export function freshId(prefix) {
  return `${prefix}-${++lastId}`;
}

/** The title of a page, a sentence on it, and what can be done with all of it. */
export function pageHead({ title, lead, actions = [] }) {
  return h(
    'div.page-head',
    {},
    h('div', {}, h('h1', { tabindex: '-1' }, title), lead && h('p', {}, lead)),
    actions.length > 0 && h('div.row', {}, actions),
  );
}

/** A part of a page, named by its heading. */
export function card({ title, actions = [] }, ...children) {
  const id = freshId('card');
  const heading = h('h2', { id }, title);
  const head =
    actions.length > 0 ? h('div.row.spread', {}, heading, h('div.row', {}, actions)) : heading;
  return h('section.card', { 'aria-labelledby': id }, head, children);
}

/** Names and values. @param pairs `[name, value]`; a pair whose value is null is left out */
export function facts(pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined);
  return h(
    'dl.facts',
    {},
    known.map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]),
  );
}

/** @param kind `good`, `info`, `warn`, `bad` or nothing @param mark a key of `icons.js` */
export function badge(text, { kind = '', mark } = {}) {
  return h(kind ? `span.badge.${kind}` : 'span.badge', {}, mark && icon(mark), text);
}

/** What is shown where there is nothing yet: what would be here, and how it comes to be. */
export function emptyState({ title, text, mark = 'dots', action }) {
  return h('div.empty', {}, icon(mark), h('h3', {}, title), text && h('p', {}, text), action);
}

/** Holds the place of what is being read, so that nothing jumps when it comes. */
export function skeleton(lines = 3) {
  return h(
    'div.skeleton',
    { role: 'status', 'aria-label': 'Loading' },
    Array.from({ length: lines }, () => h('span')),
  );
}
