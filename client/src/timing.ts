/** Time and chance as the client sees them, so that tests need not wait or be lucky. */
export interface Timing {
  /** Wall-clock milliseconds since the epoch. */
  now(): number;
  /** Milliseconds that only ever go forward. */
  steady(): number;
  /** Runs `task` once, `delayMs` from now; returns what cancels it. */
  after(delayMs: number, task: () => void): () => void;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

/** Beyond this, timers of every platform fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemTiming: Timing = {
  now: () => Date.now(),
  steady: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, Math.min(delayMs, LONGEST_TIMER_MS));
    return () => {
      clearTimeout(timer);
    };
  },
  random: () => Math.random(),
};

export function sleep(timing: Timing, ms: number): Promise<void> {
  return new Promise((resolve) => {
    timing.after(ms, resolve);
  });
}
