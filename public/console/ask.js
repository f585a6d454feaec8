import { MedallionError } from '/client/medallion.js';

const TIMEOUT_MS = 10_000;

/**
 * Asks the server what nobody need be signed in for; the client's `request` speaks for a session.
 * @throws MedallionError, or the reason of `signal`
 */
export async function ask(method, path, { body, signal } = {}) {
  const response = await send(method, path, { body, signal });
  const answer = parse(await response.text());
  if (response.ok) return answer;
  throw new MedallionError({
    status: response.status,
    code: answer?.code ?? '',
    detail: answer?.detail ?? `The server answered ${response.status}`,
    errors: answer?.errors,
    requestId: answer?.request_id,
    retryAfterSeconds: Number(response.headers.get('Retry-After')) || null,
  });
}

async function send(method, path, { body, signal }) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    return await fetch(path, {
      method,
      headers: body && { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new MedallionError({ status: 0, code: 'no_answer', detail: 'The server did not answer' });
  }
}

function parse(text) {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
