import { setTimeout as sleep } from 'node:timers/promises';

import { launchServer, untilListening, type ServerProcess } from '../../scripts/server-process.ts';
import { findPort } from './ports.ts';

/** As production is configured, the process ends itself 29 s after the signal; an orchestrator would wait for 30. */
const STOP_PATIENCE_MS = 30_000;
/** HAProxy takes a node into service after two checks, a second apart. */
const SEEN_MS = 3000;

export interface Stop {
  name: string;
  sockets: number;
  /** From the signal to the end of the process. */
  stoppedMs: number;
  exitCode: number | null;
  /** From then until it listens again. */
  startedMs: number;
}

/** One place in the fleet: a process that can be stopped and started again at the same address. */
export class Place {
  readonly name: string;
  readonly address: string;
  readonly #launch: () => ServerProcess;
  #process: ServerProcess | null = null;

  private constructor(name: string, address: string, launch: () => ServerProcess) {
    this.name = name;
    this.address = address;
    this.#launch = launch;
  }

  static async reserve(
    name: string,
    { env, cwd }: { env: Record<string, string>; cwd: string },
  ): Promise<Place> {
    const port = String(await findPort());
    const launch = () => launchServer({ env: { ...env, PORT: port }, cwd });
    return new Place(name, `127.0.0.1:${port}`, launch);
  }

  get url(): string {
    return `http://${this.address}`;
  }

  async start(): Promise<void> {
    this.#process = this.#launch();
    await untilListening(this.#process);
  }

  /** As an orchestrator restarts one node of several: waits until it is gone, back, and known to be back. */
  async restart(): Promise<Stop> {
    const sockets = await this.#countSockets();
    const stoppedAt = performance.now();
    const exitCode = await this.#stop();
    const startedAt = performance.now();
    await this.start();
    const startedMs = performance.now() - startedAt;
    await sleep(SEEN_MS);
    return { name: this.name, sockets, stoppedMs: startedAt - stoppedAt, exitCode, startedMs };
  }

  /** Without a drain. */
  async kill(): Promise<void> {
    this.#process?.child.kill('SIGKILL');
    await this.#process?.ended;
  }

  async #stop(): Promise<number | null> {
    const running = this.#process;
    if (running === null) return null;
    const killer = setTimeout(() => running.child.kill('SIGKILL'), STOP_PATIENCE_MS);
    running.child.kill('SIGTERM');
    const exitCode = await running.ended;
    clearTimeout(killer);
    return exitCode;
  }

  async #countSockets(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(/^sockets_open (\d+)$/m.exec(text)?.[1]);
  }
}
