import { h, pageHead } from './view.js';

export default {
  title: 'No such page',
  render(root, { path }) {
    root.append(
      pageHead({ title: 'No such page', lead: ['There is nothing at ', h('code', {}, path), '.'] }),
      h('div.row', {}, h('a.button.primary', { href: '#/' }, 'Go to the apps')),
    );
  },
};
