import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A process that does one job at a time, so that what it costs is not taken from whoever measures. */
export interface Worker<Job, Result> {
  run: (job: Job) => Promise<Result>;
  /** Ends it; resolves when it is gone. */
  stop: () => Promise<void>;
}

/** Starts a program of this directory that calls `doJobs`. */
export function launchWorker<Job, Result>(program: string): Worker<Job, Result> {
  const child = spawn(process.execPath, [join(import.meta.dirname, program)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // That it has ended is told by what it has not answered.
  child.stdin.on('error', () => undefined);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const run = async (job: Job) => {
    child.stdin.write(`${JSON.stringify(job)}\n`);
    const answer = await answers.next();
    if (answer.done === true) throw new Error(`${program} ended before its job was done`);
    return JSON.parse(answer.value) as Result;
  };
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, 'exit');
  };
  return { run, stop };
}

/** The worker's side: a line of JSON on stdin is a job, one on stdout its result. The end of stdin is its end. */
export function doJobs(work: (job: never) => Promise<object>): void {
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    work(JSON.parse(line) as never).then(
      (result) => {
        console.log(JSON.stringify(result));
      },
      (error: unknown) => {
        console.error((error as Error).message);
        process.exit(1);
      },
    );
  });
  input.once('close', () => process.exit());
}
