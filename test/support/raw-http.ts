import { connect } from 'node:net';

export interface RawResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Sends bytes that no HTTP client would send, and reads the answer until the server ends it. */
export async function sendRaw(url: string, request: string): Promise<RawResponse> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setTimeout(5000, () => socket.destroy(new Error('the server neither answers nor ends')));
  socket.write(request, 'latin1');
  const answer = Buffer.concat((await socket.toArray()) as Buffer[]).toString('latin1');
  const [head = '', ...rest] = answer.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: rest.join('\r\n\r\n'),
  };
}
