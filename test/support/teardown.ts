import { after } from 'node:test';

const tasks: (() => unknown)[] = [];

after(async () => {
  for (const task of tasks.reverse()) await task();
});

/** Runs `task` when the file's tests are over; what was set up last is taken down first. */
export function atEnd(task: () => unknown): void {
  tasks.push(task);
}
