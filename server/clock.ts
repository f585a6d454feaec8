/** Time as the service sees it: injected, so that a test moves it instead of sleeping. */
export interface Clock {
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that only ever go forward, with those that the machine slept through: for lengths of time. */
  steady(): number;
  /** Runs `task` once, `delayMs` from now; returns what cancels it. Never keeps the process alive. */
  after(delayMs: number, task: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  steady: createSteadyClock(Date.now, () => performance.now()),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs).unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Beyond this the wall clock did not drift: it was set, or the machine slept, which nobody can tell apart. */
const DRIFT_MS = 1000;

/**
 * Linux does not count the sleep of a machine in its monotonic clock. Where the wall clock has run ahead of it, the
 * difference is taken for sleep; where the wall clock was set back, nothing is.
 */
export function createSteadyClock(wall: () => number, monotonic: () => number): () => number {
  let sleptMs = 0;
  let offset = wall() - monotonic();
  return () => {
    const now = monotonic();
    const ahead = wall() - now - offset;
    if (Math.abs(ahead) > DRIFT_MS) {
      offset += ahead;
      sleptMs += Math.max(0, ahead);
    }
    return now + sleptMs;
  };
}

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
