/** Time as the service sees it: injected, so that a test moves it instead of sleeping. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Runs `task` once, `delayMs` from now; returns what cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Whole seconds since the epoch, as JWTs count them (RFC 7519, NumericDate). */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}

/**
 * Calls `task` again and again, `intervalMs` after the last call ended, until stopped.
 * One failure is reported and does not end the series.
 */
export function repeat(
  clock: Clock,
  intervalMs: number,
  { task, onError }: { task: () => Promise<void>; onError: (error: unknown) => void },
): () => void {
  let stopped = false;
  let cancel = next();
  function next(): () => void {
    return clock.after(intervalMs, () => {
      void task()
        .catch(onError)
        .finally(() => {
          if (!stopped) cancel = next();
        });
    });
  }
  return () => {
    stopped = true;
    cancel();
  };
}
