import { WebSocket } from 'ws';

/** A WebSocket client for the terminal: prints every frame, then how the socket was closed. */
const { PORT = '3000' } = process.env;
const [token, url = `ws://localhost:${PORT}/ws`] = process.argv.slice(2);
if (token === undefined) {
  console.error('Usage: npm run -s socket -- <access token> [ws://host:port/ws]');
  process.exit(1);
}

const print = (text: string): void => {
  console.log(`${new Date().toISOString().slice(11, 23)}  ${text}`);
};
const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
socket.on('message', (frame: Buffer) => {
  print(frame.toString());
});
socket.on('close', (code, reason) => {
  print(`closed ${code} ${reason.toString()}`);
});
socket.on('unexpected-response', (_request, response) => {
  print(`refused ${response.statusCode ?? ''} ${response.headers['www-authenticate'] ?? ''}`);
  process.exit(1);
});
socket.on('error', (error) => {
  print(error.message);
  process.exitCode = 1;
});
