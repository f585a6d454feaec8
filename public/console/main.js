import { explainEnd, rememberEnd } from './account/session-end.js';
import { AccountLive } from './account-live.js';
import { problemNotice, toast } from './feedback.js';
import { startRouter } from './router.js';
import { ignoreSecondClicks } from './second-click.js';
import { createShell } from './shell.js';

const root = document.getElementById('main');

try {
  await start();
} catch (error) {
  root.replaceChildren(problemNotice(error, { retry: () => location.reload() }));
}

async function start() {
  ignoreSecondClicks();
  const account = await openAccount();
  const live = new AccountLive(account);
  const context = { account, live, navigate };
  const parts = { nav: document.querySelector('.bar nav'), who: document.querySelector('.who') };
  const shell = createShell(parts, context);
  const router = startRouter(root, { context, onNavigate: (path) => shell.showPath(path) });
  account.on('signedIn', () => router.reconsider());
  account.on('signedOut', (end) => {
    rememberEnd(end);
    const [kind, sentence] = explainEnd(end);
    if (!router.reconsider()) toast(sentence, { kind });
  });
  document.querySelector('.skip').addEventListener('click', (event) => {
    event.preventDefault();
    root.focus();
  });
  await router.show();
}

/** The session of the account is kept in the browser, and all its tabs share it. */
async function openAccount() {
  const { browserStorage, createClient, memoryStorage } =
    await import('/client/medallion.js').catch((error) => {
      throw new Error(
        'The client library at /client/medallion.js is missing: run `npm run prepare`.',
        {
          cause: error,
        },
      );
    });
  const storage = mayStore() ? browserStorage('medallion.account') : memoryStorage();
  return createClient({ storage, deviceName: 'Console' });
}

/** Whoever forbids the browser to store anything is signed out by a reload, and by nothing else. */
function mayStore() {
  try {
    return Boolean(globalThis.localStorage);
  } catch {
    return false;
  }
}

/** @param options `isInPlace`: the way back leads past the page that is left */
function navigate(path, { isInPlace = false } = {}) {
  if (isInPlace) location.replace(`#${path}`);
  else location.hash = path;
}
