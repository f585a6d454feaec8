import { field } from '../form.js';
import { h, icon } from '../view.js';

/** As the policy comes; a server may have switched some of them off, and decides. */
const REQUIREMENTS = [
  ['12 characters', (text) => Array.from(text).length >= 12],
  ['an upper-case letter', (text) => /\p{Lu}/u.test(text)],
  ['a digit', (text) => /\p{Nd}/u.test(text)],
  ['a special character', (text) => /[^\p{L}\p{Nd}]/u.test(text)],
];

/** A field for a new password, and below it what it still lacks. */
export function newPasswordField({ label = 'Password', name = 'password' } = {}) {
  const list = h('ul.requirements', { 'aria-label': 'The password needs' });
  const draw = (text) =>
    list.replaceChildren(...REQUIREMENTS.map(([words, isMet]) => requirement(words, isMet(text))));
  const part = field({
    label,
    name,
    type: 'password',
    autocomplete: 'new-password',
    maxlength: '1024',
    oninput: ({ target }) => draw(target.value),
  });
  draw('');
  part.append(
    list,
    h('p.hint', {}, 'Not a common one, and without your name or address. A sentence is good.'),
  );
  return part;
}

function requirement(words, isMet) {
  const mark = h('span.spoken', {}, isMet ? 'Done: ' : 'Missing: ');
  return h(isMet ? 'li.met' : 'li', {}, icon(isMet ? 'check' : 'circle'), mark, words);
}
