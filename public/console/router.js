import { problemNotice } from './feedback.js';
import { ROUTES } from './routes.js';
import { h, skeleton } from './view.js';

/** What comes sooner than this needs nothing in its place. */
const PATIENCE_MS = 150;

/**
 * The console is one page; the part of the address behind `#` says which of its pages is shown.
 *
 * A page is a module of its own, loaded when it is first opened:
 *
 *     export default {
 *       title: 'Devices',
 *       render(root, context) {
 *         root.append(pageHead({ title: 'Devices' }), …);
 *         return () => {};  // optional: what must be undone when the page is left
 *       },
 *     };
 *
 * `root` is empty and is thrown away with the page. `context` holds
 *   - `account`: the client (`/client/medallion.js`) of the account that is signed in in this browser;
 *   - `live`: its socket, whatever session it is of (`account-live.js`);
 *   - `params`, `query`: of the address, `#/staff/users/12?q=ann`; `path`: the part before the `?`;
 *   - `signal`: aborted when the page is left: pass it to every request of the page;
 *   - `navigate(path)`, and `reload()`, which renders the page anew.
 *
 * A page is made of `view.js` (elements, cards, facts), `form.js` (fields, and where refusals are shown), `table.js` (lists
 * read page by page), `dialog.js`, `feedback.js` (busy buttons, notices, toasts), `time.js` and `problem.js` (an error as
 * a sentence). Its styles are a file in `styles/`, linked by `index.html`. It needs an entry in `routes.js`; those of staff
 * are in `staff/routes.js`.
 */
export function startRouter(root, { context, onNavigate }) {
  let leave;
  let isFirst = true;

  const show = async () => {
    leave?.();
    const { path, query } = readAddress();
    const { route, params } = findRoute(path);
    const allowed = whatIsNeeded(route, context);
    onNavigate(path);
    if (allowed !== null) {
      context.navigate(allowed, { isInPlace: true });
      return;
    }
    const controller = new AbortController();
    leave = () => controller.abort();
    const page = { ...context, params, query, path, signal: controller.signal, reload: show };
    const undo = await showPage(root, route, page);
    if (controller.signal.aborted) undo?.();
    else leave = () => (controller.abort(), undo?.());
    // The reader is told where they are; on the first page the browser does so itself.
    if (!isFirst && !controller.signal.aborted) focusHeading(root);
    isFirst = false;
  };

  /** Somebody signed in or out: the page may have to be another one. @returns whether it is */
  const reconsider = () => {
    const mustLeave = whatIsNeeded(findRoute(readAddress().path).route, context) !== null;
    if (mustLeave) void show();
    return mustLeave;
  };

  addEventListener('hashchange', () => void show());
  return { show, reconsider };
}

async function showPage(root, route, page) {
  const own = h('div.page');
  const waiting = skeleton(6);
  const timer = setTimeout(() => {
    if (own.isConnected) own.before(waiting);
    else root.replaceChildren(waiting);
  }, PATIENCE_MS);
  try {
    const module = await load(route);
    if (page.signal.aborted) return undefined;
    document.title = `${module.title} · Medallion`;
    root.replaceChildren(own);
    scrollTo(0, 0);
    return await module.render(own, page);
  } catch (error) {
    if (!page.signal.aborted) root.replaceChildren(failure(error, page));
    return undefined;
  } finally {
    clearTimeout(timer);
    waiting.remove();
  }
}

/** A browser remembers that a module could not be loaded: only a new page asks for it again. */
async function load(route) {
  try {
    return (await route.load()).default;
  } catch (cause) {
    throw new Error('It could not be loaded. Check that you are online.', { cause });
  }
}

/** Loads a page before it is wanted, so that it is there at once, or when the server is away. */
export function prefetch(path) {
  findRoute(path)
    .route.load()
    .catch(() => undefined);
}

function failure(error, { reload }) {
  const retry = () => (error.cause instanceof TypeError ? location.reload() : void reload());
  const heading = h('h1', { tabindex: '-1' }, 'This page could not be shown');
  return h('div.stack', {}, heading, problemNotice(error, { retry }));
}

function focusHeading(root) {
  const isFree = document.activeElement === document.body || !root.contains(document.activeElement);
  if (isFree) root.querySelector('h1')?.focus({ preventScroll: true });
}

/** `#/staff/users/12?q=ann` */
export function readAddress() {
  const [path, search] = location.hash.slice(1).split('?');
  return { path: path || '/', query: new URLSearchParams(search) };
}

function findRoute(path) {
  for (const route of ROUTES) {
    const params = match(route.path, path);
    if (params !== null) return { route, params };
  }
  return { route: { load: () => import('./not-found.js') }, params: {} };
}

/** @returns the named parts, or null */
function match(pattern, path) {
  const [wanted, given] = [pattern, path].map((each) => each.split('/').filter(Boolean));
  if (wanted.length !== given.length) return null;
  const params = {};
  for (const [index, part] of wanted.entries()) {
    if (part.startsWith(':')) params[part.slice(1)] = decode(given[index]);
    else if (part !== given[index]) return null;
  }
  return params;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Where to go first; null where the page may be shown. What the server allows, it says itself. */
function whatIsNeeded(route, { account }) {
  const isSignedIn = account.session !== null;
  const { query } = readAddress();
  const wanted = encodeURIComponent(location.hash.slice(1));
  if (route.needs === 'account' && !isSignedIn) return `/sign-in?next=${wanted}`;
  return route.needs === 'nobody' && isSignedIn ? (query.get('next') ?? '/account') : null;
}
