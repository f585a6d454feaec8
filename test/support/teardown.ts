import { after } from 'node:test';

const tasks: (() => unknown)[] = [];

after(async () => {
  const failures: unknown[] = [];
  for (const task of tasks.reverse()) {
    // What is not taken down after a failure would keep the file from ever ending.
    await Promise.resolve()
      .then(task)
      .catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 1) throw new AggregateError(failures, failures.map(String).join('\n'));
  if (failures.length > 0) throw failures[0];
});

/** Runs `task` when the file's tests are over; what was set up last is taken down first. */
export function atEnd(task: () => unknown): void {
  tasks.push(task);
}
