const TIMEOUT_MS = 10_000;

/** A refusal by the server (RFC 9457), or no answer at all: then `status` is 0. */
export class ApiError extends Error {
  constructor({ status, detail, code = '', errors = [] }) {
    super(detail);
    this.status = status;
    this.code = code;
    /** `{ path, message }` for each field that is wrong. */
    this.fields = errors;
  }
}

/**
 * Asks the server; resolves to the parsed answer, null for an empty one.
 * @throws {ApiError}
 */
export async function request(method, path, { body, token, deviceId } = {}) {
  const response = await send(method, path, { body, token, deviceId });
  const answer = await readJson(response);
  if (response.ok) return answer;
  throw new ApiError({
    ...answer,
    status: response.status,
    detail: sentenceOf(answer, response),
  });
}

async function send(method, path, { body, token, deviceId }) {
  const headers = {
    ...(body && { 'Content-Type': 'application/json' }),
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(deviceId && { 'X-Device-Id': deviceId }),
  };
  try {
    return await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      credentials: 'omit',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError({ status: 0, detail: 'The server did not answer. Try again.' });
  }
}

async function readJson(response) {
  try {
    const text = await response.text();
    return text === '' ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

/** The server's own sentence, with the wait where only the header tells it. */
function sentenceOf(problem, response) {
  const detail = problem?.detail ?? `The server answered ${response.status}`;
  const seconds = Number(response.headers.get('Retry-After'));
  if (response.status !== 429 || !seconds || /\d/.test(detail)) return detail;
  return `${detail}. Try again in ${seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`}`;
}
