import { request, type Agent } from 'node:http';

interface HttpRequest {
  agent: Agent;
  url: string;
  method: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
}

/** Sends a request and reads its whole answer, which must be a 200. */
export function send({ url, body, ...options }: HttpRequest): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const outgoing = request(url, options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.once('error', reject).once('end', () => {
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`${url} answered ${response.statusCode ?? ''}: ${text}`));
    });
  });
  outgoing.once('error', reject).end(body);
  return promise;
}
