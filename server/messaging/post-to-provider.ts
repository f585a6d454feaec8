import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';

const TIMEOUT_MS = 4000;
const ATTEMPTS = 2;

interface ProviderRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/**
 * POSTs to a provider with a time-out, and once more where it gave no answer or a 5xx: the second copy of
 * a code does no harm. A 4xx is final.
 * @throws `sms_unavailable`
 */
export async function postToProvider(log: Log, request: ProviderRequest): Promise<void> {
  let cause: unknown;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const { status } = await post(request);
      if (status >= 200 && status < 300) return;
      cause = new Error(`the provider answered ${status}`);
      if (status < 500) break;
    } catch (error) {
      cause = error;
    }
  }
  // Neither the number nor the code: only who failed, and how.
  log.error({ err: cause, provider: new URL(request.url).host }, 'sms provider failed');
  throw new AppError('sms_unavailable', { retryAfterSeconds: 5, cause });
}

async function post({ url, headers, body }: ProviderRequest): Promise<{ status: number }> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'error' });
  await response.body?.cancel();
  return { status: response.status };
}
