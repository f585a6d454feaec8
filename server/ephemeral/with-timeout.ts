interface Timeout {
  timeoutMs: number;
  /** What the caller is told of a failure. */
  toError?: (error: Error) => Error;
}

/** Rejects when there is no answer in time. A pause of our own is not the store's: what came in it counts. */
export function withTimeout<Answer>(
  answer: Promise<Answer>,
  { timeoutMs, toError = (error) => error }: Timeout,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isSettled = false;
    const onError = (error: Error) => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      reject(toError(error));
    };
    const timer = setTimeout(() => {
      // Timers come before input in a turn of the event loop, immediates after it.
      setImmediate(onError, new Error('redis did not answer in time'));
    }, timeoutMs);
    answer.then((value) => {
      isSettled = true;
      clearTimeout(timer);
      resolve(value);
    }, onError);
  });
}
