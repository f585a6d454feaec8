import { MedallionError } from '/client/medallion.js';
import { h } from '../view.js';

/** The browser reads the file in its own time. */
const KEPT_MS = 60_000;

/** Saves an answer as a file: asked for with the token of the session, which a link could not carry. */
export async function download(account, { path, fileName, signal }) {
  const response = await account.fetch(path, { signal });
  if (!response.ok) throw await refusalOf(response);
  const url = URL.createObjectURL(await wholeOf(response));
  const link = h('a', { href: url, download: fileName, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}

/** A file that breaks off on the way is none. */
async function wholeOf(response) {
  try {
    return await response.blob();
  } catch (cause) {
    throw new Error('The file broke off on its way. Try again, perhaps with narrower filters.', {
      cause,
    });
  }
}

/** As the client throws it for other requests. */
async function refusalOf(response) {
  const { status, headers } = response;
  const { code = '', detail, errors } = await response.json().catch(() => ({}));
  return new MedallionError({
    status,
    code,
    detail: detail ?? `The server answered ${status}`,
    errors,
    requestId: headers.get('X-Request-Id'),
    retryAfterSeconds: Number(headers.get('Retry-After')) || null,
  });
}
