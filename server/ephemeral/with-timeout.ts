/** Rejects when there is no answer in time. A pause of our own is not the store's: what came in it counts. */
export function withTimeout<Answer>(answer: Promise<Answer>, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      // Timers come before input in a turn of the event loop, immediates after it.
      setImmediate(reject, new Error('redis did not answer in time'));
    }, timeoutMs);
    const onAnswer = (value: Answer) => {
      clearTimeout(timer);
      resolve(value);
    };
    const onError = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    answer.then(onAnswer, onError);
  });
}
