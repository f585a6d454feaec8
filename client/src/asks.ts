import { MedallionError } from './errors.ts';
import type { Frame } from './frames.ts';
import type { Timing } from './timing.ts';

interface Pending {
  resolve: (frame: Frame) => void;
  reject: (error: MedallionError) => void;
  cancel: () => void;
}

/** Frames that were sent and are to be answered, by their `ref`. */
export class Asks {
  readonly #timing: Timing;
  readonly #pending = new Map<string, Pending>();
  #lastRef = 0;

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  /** Sends a frame under a `ref` of ours, and waits for the answer. @throws MedallionError */
  ask(frame: Frame, { send, timeoutMs }: AskOptions): Promise<Frame> {
    const ref = `ask-${(this.#lastRef += 1)}`;
    return new Promise((resolve, reject) => {
      send({ ...frame, ref });
      const cancel = this.#timing.after(timeoutMs, () => {
        this.#pending.delete(ref);
        reject(clientError('no_answer', 'The service did not answer the frame'));
      });
      this.#pending.set(ref, { resolve, reject, cancel });
    });
  }

  answer(frame: Frame): void {
    const pending = this.#take(String(frame.ref));
    if (pending === undefined) return;
    if (frame.type !== 'error') pending.resolve(frame);
    else pending.reject(clientError(String(frame.code), String(frame.detail)));
  }

  /** The connection over which the answers would have come is gone. */
  rejectAll(): void {
    for (const ref of [...this.#pending.keys()]) {
      this.#take(ref)?.reject(
        clientError('connection_lost', 'The connection ended before the answer'),
      );
    }
  }

  #take(ref: string): Pending | undefined {
    const pending = this.#pending.get(ref);
    this.#pending.delete(ref);
    pending?.cancel();
    return pending;
  }
}

interface AskOptions {
  send: (frame: Frame) => void;
  timeoutMs: number;
}

export function clientError(code: string, detail: string): MedallionError {
  return new MedallionError({ status: 0, code, detail });
}
