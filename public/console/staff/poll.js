/**
 * Does `task` now and again and again, one after the other, as long as the page is looked at: in a hidden tab nothing is
 * asked, and whoever comes back sees what is true then.
 * @param options `everyMs`; `signal`, which ends it; `onPause(isPaused)`
 */
export function pollWhileVisible(task, { everyMs, signal, onPause }) {
  let timer;
  let isRunning = false;
  const run = async () => {
    clearTimeout(timer);
    if (isRunning || document.hidden || signal.aborted) return;
    isRunning = true;
    await task();
    isRunning = false;
    if (!document.hidden && !signal.aborted) timer = setTimeout(run, everyMs);
  };
  const changed = () => {
    onPause?.(document.hidden);
    void run();
  };
  document.addEventListener('visibilitychange', changed, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  void run();
}
