import type { Server, ServerResponse } from 'node:http';
import type { Extension } from '../../../server/extension.ts';
import { description, noteMisfit } from './misfits.ts';
import { misfitOf, type Exchange } from './misfit.ts';
import { exemptFrames } from './watch-frames.ts';

/** Where teams have mounted routers of their own. */
const extended: string[] = [];

/** Compares an answer with the description; one that does not fit fails the file. */
export function checkAnswer(exchange: Exchange): void {
  const misfit = misfitOf(description, exchange);
  if (misfit === null) return;
  if (!extended.some((path) => exchange.url.startsWith(path))) noteMisfit(misfit);
}

/** Compares every answer that a node gives from now on with the description. */
export function watchAnswers(server: Server): void {
  server.prependListener('request', (req, res) => {
    const { method = '', url = '' } = req;
    const chunks = keepBody(res);
    res.once('finish', () => {
      const body = Buffer.concat(chunks).toString();
      checkAnswer({ method, url, status: res.statusCode, headers: res.getHeaders(), body });
    });
  });
}

/** Lets an extension answer as it likes, below its own paths and with frames of its own. */
export function exempt(extension: Extension): Extension {
  return (medallion) =>
    extension({
      ...medallion,
      addRouter: (path, router) => {
        extended.push(path);
        medallion.addRouter(path, router);
      },
      addMessage: (type, definition) => {
        exemptFrames();
        medallion.addMessage(type, definition);
      },
    });
}

/** All that is handed to a response, which goes out as ever. */
function keepBody(res: ServerResponse): Buffer[] {
  const chunks: Buffer[] = [];
  for (const name of ['write', 'end'] as const) {
    const original = res[name].bind(res) as (...args: unknown[]) => unknown;
    const kept = (...args: unknown[]): unknown => {
      const [chunk, encoding] = args;
      if (typeof chunk === 'string') chunks.push(Buffer.from(chunk, encoding as BufferEncoding));
      else if (chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
      return original(...args);
    };
    Object.assign(res, { [name]: kept });
  }
  return chunks;
}
