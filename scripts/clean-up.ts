const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface CleanUp {
  /** Starts something that must be stopped in the end, also where the end comes while it starts. */
  start: <Started>(
    starting: Promise<Started>,
    stop: (started: Started) => unknown,
  ) => Promise<Started>;
  /** Stops all that was started, the last first, and ends the process. */
  exit: (exitCode: number) => Promise<never>;
  /** Whether the process is ending: what fails from here on is no news. */
  isExiting: () => boolean;
}

/** Leaves nothing running behind a script, however it ends but by SIGKILL. */
export function cleanUpAtExit(): CleanUp {
  const tasks: (() => Promise<unknown>)[] = [];
  let exiting: Promise<never> | undefined;

  const stopAll = async (exitCode: number): Promise<never> => {
    for (let task = tasks.pop(); task; task = tasks.pop()) {
      await task().catch((error: unknown) => {
        console.error(`Could not clean up: ${(error as Error).message}`);
      });
    }
    process.exit(exitCode);
  };
  const exit = (exitCode: number) => (exiting ??= stopAll(exitCode));
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => void exit(code));

  const start: CleanUp['start'] = async (starting, stop) => {
    tasks.push(async () => {
      const started = await starting.catch(() => null);
      if (started !== null) await stop(started);
    });
    const started = await starting;
    // Whoever is on the way out starts nothing more.
    if (exiting !== undefined) await exiting;
    return started;
  };
  return { start, exit, isExiting: () => exiting !== undefined };
}
