import assert from 'node:assert/strict';
import type { TestApp } from './app.ts';
import { signIn, type Tokens } from './phone.ts';
import { connect, type Frame, type TestSocket } from './socket.ts';

export interface Position {
  lat: number;
  lng: number;
  heading?: number | null;
  speed?: number | null;
}

/** A driver as an answer to `nearby` shows it. */
export interface ShownDriver extends Position {
  driver?: string;
  user_id?: number;
  distance_m: number;
  updated_at: string;
}

export interface Person extends Tokens {
  socket: TestSocket;
}

let places = 0;

/** A place that is far from those of all other tests. */
export function newPlace(): Position {
  places += 1;
  return { lat: 10.000_1 + places, lng: -60.000_1 - places };
}

/** Somebody new, or that person's next session, with a socket. */
export async function comeOnline(
  app: TestApp,
  role: 'rider' | 'driver',
  phoneNumber?: string,
): Promise<Person> {
  const tokens = await signIn(app, { role, ...(phoneNumber && { phoneNumber }) });
  return { ...tokens, socket: await connect(app.url, tokens.access_token) };
}

let refs = 0;

/** Sends a frame, and gives the answer to that one. */
export async function ask(socket: TestSocket, frame: object): Promise<Frame> {
  const ref = `location-${(refs += 1)}`;
  socket.send({ ...frame, ref });
  const deadline = Date.now() + 5000;
  for (;;) {
    const index = socket.frames.findIndex((each) => each.ref === ref);
    const [answer] = index < 0 ? [] : socket.frames.splice(index, 1);
    if (answer !== undefined) {
      delete answer.ref;
      return answer;
    }
    assert.ok(Date.now() < deadline, 'a frame was not answered');
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export async function report(socket: TestSocket, position: Position): Promise<void> {
  assert.deepEqual(await ask(socket, { type: 'location', ...position }), { type: 'location_ok' });
}

/** The drivers within so many metres, as the socket's user sees them. */
export async function look(
  socket: TestSocket,
  { lat, lng }: Position,
  radius_m = 1000,
): Promise<ShownDriver[]> {
  const { type, drivers } = await ask(socket, { type: 'nearby', lat, lng, radius_m });
  assert.equal(type, 'nearby');
  return drivers as ShownDriver[];
}

/** How many positions a node has stored, and what became of the others. */
export async function countWrites(app: TestApp): Promise<Record<string, number>> {
  const { values } = await app.context.metrics.driverLocations.get();
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
}
