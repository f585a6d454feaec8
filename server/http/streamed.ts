import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

interface StreamedParts {
  contentType: string;
  /** What a browser saves it as. */
  fileName: string;
  chunks: AsyncGenerator<string>;
}

/** An answer that is longer than memory: read only as fast as the client takes it. */
export class Streamed {
  readonly #parts: StreamedParts;

  constructor(parts: StreamedParts) {
    this.#parts = parts;
  }

  /** A fault at the first chunk is answered as any other; a later one breaks the connection off: no part passes for all. */
  async send(res: Response): Promise<void> {
    const { contentType, fileName, chunks } = this.#parts;
    const first = await chunks.next();
    res.attachment(fileName).set('Content-Type', contentType);
    async function* all() {
      if (first.done !== true) yield first.value;
      yield* chunks;
    }
    try {
      await pipeline(Readable.from(all()), res);
    } catch (error) {
      if (!isGoneClient(error)) throw error;
    }
  }
}

function isGoneClient(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE';
}
