import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';
import type { Sender } from './secret-kinds.ts';

type Reader = (text: string, sender: Sender) => void;

const CHUNK_CHARACTERS = 64 * 1024;
/** No token is longer: one that lies across two chunks is whole in the second. */
const OVERLAP_CHARACTERS = 8 * 1024;

/** One direction of a connection. */
class Tape {
  readonly #read: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  #text = '';

  constructor(read: (text: string) => void) {
    this.#read = read;
  }

  add(chunk: unknown, encoding?: BufferEncoding): void {
    const isText = typeof chunk === 'string';
    this.#text += this.#decoder.write(isText ? Buffer.from(chunk, encoding) : (chunk as Buffer));
    if (this.#text.length >= CHUNK_CHARACTERS) this.read();
  }

  /** The end is kept: more may follow, on a connection that lives. */
  read(): void {
    this.#read(this.#text);
    this.#text = this.#text.slice(-OVERLAP_CHARACTERS);
  }
}

/**
 * Hands on all that HTTP and WebSocket clients of this process send and receive from now on, whatever node answers
 * them. The node is not touched: it runs as it does without. What is returned hands on the rest of what has come by.
 */
export function tapClients(read: Reader): () => void {
  const tapes: Tape[] = [];
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket };
    tapes.push(...tap(socket, read));
  });
  return () => {
    for (const tape of tapes) tape.read();
  };
}

/** Below the buffers of the socket, where every library's bytes come by and nobody counts listeners. */
function tap(socket: Socket, read: Reader): Tape[] {
  const sent = new Tape((text) => {
    read(text, 'client');
  });
  const received = new Tape((text) => {
    read(text, 'node');
  });
  let isHttp: boolean | undefined;
  const send = (chunk: unknown, encoding: BufferEncoding) => {
    // A method is of capital letters: Redis and PostgreSQL begin otherwise.
    isHttp ??= /^[A-Z]/.test(String(chunk));
    if (isHttp) sent.add(chunk, encoding);
  };
  const { write, writev, push } = {
    write: socket._write.bind(socket),
    writev: socket._writev?.bind(socket),
    push: socket.push.bind(socket),
  };
  socket._write = (chunk, encoding, done) => {
    send(chunk, encoding);
    write(chunk, encoding, done);
  };
  socket._writev = (chunks, done) => {
    for (const { chunk, encoding } of chunks) send(chunk, encoding);
    writev?.(chunks, done);
  };
  socket.push = (chunk: unknown, encoding) => {
    if (isHttp && chunk !== null) received.add(chunk, encoding);
    return push(chunk, encoding);
  };
  return [sent, received];
}
