/** What an app may write: that this compiles, and that what is marked does not, is the test (`npm run check:types`). */
import { WebSocket as WsSocket } from 'ws';
import {
  browserStorage,
  createClient,
  memoryStorage,
  MedallionError,
  type Frame,
  type Live,
  type NearbyDriver,
  type TokenStorage,
  type User,
} from '../client/src/medallion.ts';

/** React Native's AsyncStorage and secure stores are like this. */
interface AsyncStore {
  getItem(key: string): Promise<string | null>;
  setItem(key: string, value: string): Promise<void>;
  removeItem(key: string): Promise<void>;
}

export function asyncStorage(store: AsyncStore): TokenStorage {
  return {
    get: () => store.getItem('medallion'),
    set: (value) => store.setItem('medallion', value),
    clear: () => store.removeItem('medallion'),
  };
}

export async function anApp(store: AsyncStore): Promise<void> {
  const url = 'https://auth.example.com';
  await createClient();
  await createClient({ url, storage: browserStorage('work'), WebSocket, fetch });
  await createClient({ url, storage: memoryStorage(), WebSocket: WsSocket });
  const medallion = await createClient({ url, storage: asyncStorage(store), deviceName: 'Phone' });

  const signIn = await medallion.signInWithCode({ phoneNumber: '+14155550100', code: '1' });
  // @ts-expect-error A challenge has no user yet.
  const early: () => unknown = () => signIn.user;
  early();
  const user: User =
    signIn.status === 'signed_in' ? signIn.user : await signIn.verifyTotp('123456');
  // @ts-expect-error Apps sign in as riders or drivers.
  await medallion.signInWithCode({ phoneNumber: '', code: '', role: 'admin' });

  const trips = await medallion.request<{ trips: string[] }>('GET', '/trips', {
    query: { of: user.id, since: undefined },
    signal: new AbortController().signal,
  });
  trips.trips.map((trip) => trip.length);
  // @ts-expect-error There may be nobody.
  medallion.session.user.id.toFixed();
  // @ts-expect-error It changes by itself.
  medallion.session = null;

  medallion.on('signedOut', ({ reason, code, detail }) => {
    return `${reason} ${code ?? ''} ${detail}`;
  })();
  // @ts-expect-error There is no such event.
  medallion.on('signedoff', () => undefined);
  await useLive(medallion.connect({ backOff: { capMs: 5000 } }));
}

async function useLive(live: Live): Promise<void> {
  live.on('ready', ({ heartbeat_seconds }) => heartbeat_seconds.toFixed());
  live.on('state', ({ state, retryInMs = 0 }) => `${state} ${retryInMs}`);
  live.on('close', ({ action }) => action === 'back-off');
  // @ts-expect-error There is no such action.
  live.on('close', ({ action }) => action === 'give-up');
  const drivers: NearbyDriver[] = await live.findNearby({ lat: 1, lng: 2, radius_m: 300 });
  drivers.map(({ distance_m }) => distance_m.toFixed());
  const trip = await live.ask<Frame & { trip_id: number }>({ type: 'trip_status', trip_id: 1 });
  trip.trip_id.toFixed();
  try {
    await live.reportLocation({ lat: 1, lng: 2, heading: null });
  } catch (error) {
    if (error instanceof MedallionError) error.retryAfterSeconds?.toFixed();
  }
}
