/** Loaded into a server that is measured: on SIGUSR2 it collects its garbage and says what is left, in bytes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('SIGUSR2', () => {
  collect();
  // What the first collection finalised is free after the second.
  setImmediate(() => {
    collect();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.stderr.write(`memory ${JSON.stringify({ rss, heap: heapUsed + external })}\n`);
  });
});
