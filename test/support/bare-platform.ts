/** A program of its own: the client on a platform that lacks what React Native lacks. `node bare-platform.ts <url>` */
import { createClient } from '../../client/src/medallion.ts';

const [, , url = '', email = '', password = ''] = process.argv;
/** The client does not find them; what Node itself does with them goes on. */
const lacking = ['URL', 'URLSearchParams', 'crypto', 'navigator', 'EventTarget', 'DOMException'];
for (const name of lacking) {
  const value: unknown = Reflect.get(globalThis, name);
  const get = () =>
    new Error().stack?.split('\n')[2]?.includes('/client/src/') ? undefined : value;
  Object.defineProperty(globalThis, name, { get, configurable: true });
}
for (const name of ['any', 'timeout']) Reflect.deleteProperty(AbortSignal, name);
Reflect.deleteProperty(AbortSignal.prototype, 'throwIfAborted');

let kept: string | null = null;
/** As AsyncStorage and the stores of secrets are: every answer takes its time. */
const storage = {
  get: () => Promise.resolve(kept),
  set: async (value: string) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    kept = value;
  },
  clear: () => {
    kept = null;
    return Promise.resolve();
  },
};

const client = await createClient({ url, storage, deviceName: 'Phone' });
await client.signInWithPassword({ email, password });
const { sessions } = await client.listSessions({ limit: 5 });
const live = client.connect();
await new Promise((resolve) => live.on('ready', resolve));
const pong = await live.ask({ type: 'ping' });
await client.refresh();
const isKept = String(kept).includes(client.session?.accessToken ?? 'none');
const controller = new AbortController();
controller.abort();
const aborted = await client
  .request('GET', '/healthz', { signal: controller.signal })
  .catch((error: unknown) => (error as Error).name);
await client.signOut();
client.close();
const device = sessions[0]?.device_name;
console.log(JSON.stringify({ device, pong: pong.type, isKept, aborted, state: live.state }));
