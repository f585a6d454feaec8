import { h, pageHead } from '../view.js';
import { phoneView } from './phone-view.js';
import { openPhones } from './phone.js';

export default {
  title: 'Apps',
  async render(root) {
    const phones = await openPhones();
    const views = phones.map((phone, index) => phoneView(phone, phones[1 - index]));
    root.append(
      pageHead({
        title: 'Apps',
        lead: 'Two phones, each with an app and a live socket of its own. Sign in on both with one number, end a session, and see how soon its socket is dead. Their sessions are in this page’s memory only.',
      }),
      h(
        'div.columns',
        {},
        views.map(({ root: view }) => view),
      ),
    );
    return () => {
      for (const { close } of views) close();
    };
  },
};
