import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { untilListening, type ServerProcess } from '../../../scripts/server-process.ts';
import { testEnvironment } from '../app.ts';
import { launch, makeDirectory } from '../processes.ts';

/** Answers how much the node's heap holds when all that can be collected has been. */
const EXTENSION = `
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  export default ({ addRouter }) => {
    addRouter('/heap', async (req, res) => {
      for (let round = 0; round < 4; round += 1) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      res.json(process.memoryUsage().heapUsed);
    });
  };`;

/** A node of its own process, whose health after each assault can be told from outside. */
export interface FuzzedNode {
  url: string;
  server: ServerProcess;
  heapBytes: () => Promise<number>;
  openSockets: () => Promise<number>;
  /** Fails where it crashed, or has reported any error. */
  assertWell: () => void;
}

export async function startFuzzedNode(): Promise<FuzzedNode> {
  const directory = makeDirectory();
  const extension = join(directory, 'heap.ts');
  writeFileSync(extension, EXTENSION);
  const env = await testEnvironment({
    env: {
      EXTENSIONS: extension,
      DATA_DIR: directory,
      LOG_LEVEL: 'error',
      MAX_SOCKETS_PER_USER: '1000',
    },
  });
  const server = await untilListening(launch(env, directory));
  const greeting = server.output();
  const { url } = server;
  return {
    url,
    server,
    heapBytes: async () => Number(await (await fetch(`${url}/heap`)).text()),
    openSockets: async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return Number(/^sockets_open (\d+)$/m.exec(text)?.[1]);
    },
    assertWell: () => {
      assert.equal(server.child.exitCode, null, `it has ended:\n${server.output()}`);
      assert.equal(server.output().slice(greeting.length), '');
    },
  };
}
