/** What one scenario has running; all of it ends with it, the last first. */
export class Scope {
  readonly #tasks: (() => unknown)[] = [];
  #isClosed = false;

  /** Starts something that must be stopped in the end, also where the end comes while it starts. */
  async start<Started>(
    starting: Promise<Started>,
    stop: (started: Started) => unknown,
  ): Promise<Started> {
    this.#tasks.push(async () => {
      const started = await starting.catch(() => null);
      if (started !== null) await stop(started);
    });
    const started = await starting;
    if (this.#isClosed) throw new Error('the suite is ending');
    return started;
  }

  onEnd(task: () => unknown): void {
    this.#tasks.push(task);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (let task = this.#tasks.pop(); task; task = this.#tasks.pop()) {
      try {
        await task();
      } catch (error) {
        console.error(`Could not clean up: ${(error as Error).message}`);
      }
    }
  }
}
