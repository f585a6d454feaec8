import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { AppContext } from '../server/context.ts';
import { indexesAround, toBlock, type Point } from '../server/use-cases/driver-locations.ts';
import { findNearbyDrivers, type NearbyDriver } from '../server/use-cases/find-nearby-drivers.ts';
import { reportLocation } from '../server/use-cases/report-location.ts';
import { startApp } from './support/app.ts';
import { metresBetween, offsets, places, shift } from './support/points.ts';
import { TestClock } from './support/test-clock.ts';

/** The same runs each time; another seed is given as TEST_SEED. A failure names seed and path. */
const seed = Number(process.env.TEST_SEED ?? 20_261_124);
const DRIVERS = 20;
const TTL_MS = 30_000;
const rider = { userId: 1, role: 'rider' } as const;
const staff = { userId: 2, role: 'viewer' } as const;

/** Stands still unless it is moved. */
class StoppedClock extends TestClock {
  at = Date.UTC(2026, 10, 24, 12, 0, 1);
  override now(): number {
    return this.at;
  }
}

/** A node whose time stands still, and which stores every report. */
async function openWorld(store: 'redis' | 'memory') {
  const { context } = await startApp({ store });
  const clock = new StoppedClock();
  const locationWrites = { offer: (_key: number, task: () => Promise<void>) => task() };
  const ctx = { ...context, clock, locationWrites } as unknown as AppContext;
  const report = (userId: number, position: Point) =>
    reportLocation(ctx, {
      principal: { userId, role: 'driver', jti: `session-${userId}.1.nonce` },
      position,
    });
  return { ctx, clock, report };
}

const radii = fc.oneof(
  fc.double({ min: 1, max: 5000, noNaN: true }),
  fc.double({ min: 1, max: 200, noNaN: true }),
);
const within = fc.double({ min: -1, max: 1, noNaN: true });

/** Another point of the same block: blocks are symmetric about their middle. */
function moveInBlock(point: Point, by: { lat: number; lng: number }): Point {
  const middle = toBlock(point);
  const from = {
    lat: point.lat - middle.lat,
    lng: (point.lng === 180 ? -180 : point.lng) - middle.lng,
  };
  return { lat: middle.lat + by.lat * from.lat, lng: middle.lng + by.lng * from.lng };
}

describe('blocks', () => {
  test('are some 50 m wide and high wherever they are, and a point is no farther than 36 m from its middle', () => {
    fc.assert(
      fc.property(places, (place) => {
        const middle = toBlock(place);
        assert.deepEqual(toBlock(middle), middle);
        assert.ok(metresBetween(place, middle) < 36);
        for (const side of [
          { north: 0, east: 26 },
          { north: 26, east: 0 },
        ]) {
          const there = shift(middle, { north: -side.north, east: -side.east });
          assert.notDeepEqual(toBlock(shift(middle, side)), toBlock(there));
        }
        for (const side of [
          { north: 0, east: 24.5 },
          { north: 24.5, east: 0 },
        ]) {
          assert.deepEqual(toBlock(shift(middle, side)), middle);
        }
      }),
      { seed, numRuns: 2000 },
    );
  });

  test('a circle touches few indexes, wherever it is', async () => {
    const { ctx } = await openWorld('memory');
    fc.assert(
      fc.property(places, (center) => {
        const count = (radiusM: number) =>
          new Set(indexesAround(ctx, { center, radiusM })).size / 2;
        assert.ok(count(5000) <= 4 && count(50_000) <= 12, `${count(5000)}, ${count(50_000)}`);
      }),
      { seed, numRuns: 2000 },
    );
  });
});

for (const store of ['redis', 'memory'] as const) {
  describe(`on the ${store} store`, async () => {
    const { ctx, clock, report } = await openWorld(store);
    const ask = (viewer: typeof rider | typeof staff, center: Point, radiusM: number) =>
      findNearbyDrivers(ctx, { viewer, center, radiusM });

    test('wherever a driver is within its block, every rider is answered the same', async () => {
      const question = fc.record({ offset: offsets(3000), radiusM: radii });
      const scene = fc.record({
        place: places,
        by: fc.record({ lat: within, lng: within }),
        others: fc.array(offsets(300), { maxLength: 3 }),
        questions: fc.array(question, { minLength: 1, maxLength: 4 }),
      });
      await fc.assert(
        fc.asyncProperty(scene, async ({ place, by, others, questions }) => {
          const moved = moveInBlock(place, by);
          fc.pre(JSON.stringify(toBlock(moved)) === JSON.stringify(toBlock(place)));
          const circles = questions.flatMap(({ offset, radiusM }) => {
            const center = shift(place, offset);
            // A circle that ends between the two positions, too: what tells them apart would show there.
            const cut = (metresBetween(center, place) + metresBetween(center, moved)) / 2;
            return [radiusM, Math.max(1, cut)].map((radius) => ({ center, radius }));
          });
          const answers = () =>
            Promise.all(circles.map(({ center, radius }) => ask(rider, center, radius)));
          for (const [index, offset] of others.entries())
            await report(200 + index, shift(place, offset));
          await report(100, place);
          const before = JSON.stringify(await answers());
          await report(100, moved);
          assert.equal(JSON.stringify(await answers()), before);
        }),
        { seed, numRuns: 150 },
      );
    });

    test('every driver within the radius is found, and none outside of it', async () => {
      const drivers = new Map<number, { position: Point; at: number }>();
      const scene = fc.record({
        place: places,
        moves: fc.array(fc.tuple(fc.integer({ min: 1000, max: 999 + DRIVERS }), offsets(6000)), {
          maxLength: DRIVERS,
        }),
        offset: offsets(2000),
        radiusM: radii,
        passedMs: fc.integer({ min: 0, max: 9000 }),
      });
      await fc.assert(
        fc.asyncProperty(scene, async ({ place, moves, offset, radiusM, passedMs }) => {
          // All in front of the other test's drivers, which are too old by now.
          clock.at += drivers.size === 0 ? 2 * TTL_MS : passedMs;
          for (const [id, by] of moves) {
            const position = shift(place, by);
            drivers.set(id, { position, at: clock.at });
            await report(id, position);
          }
          const center = shift(place, offset);
          const fresh = [...drivers].filter(([, { at }]) => at > clock.at - TTL_MS);
          for (const viewer of [rider, staff]) {
            const found = await ask(viewer, center, radiusM);
            assertSorted(found);
            const expected = fresh
              .map(([, { position }]) => (viewer === rider ? toBlock(position) : position))
              .map((position) => metresBetween(center, position))
              .filter((metres) => metres <= radiusM);
            assert.deepEqual(
              found.map(({ distance_m }) => distance_m),
              expected.sort((one, other) => one - other).map(Math.round),
            );
            const ids = found.map(({ driver, user_id }) => driver ?? user_id);
            assert.equal(new Set(ids).size, ids.length);
          }
        }),
        { seed, numRuns: 150 },
      );
    });

    test('of many the nearest fifty are shown, in a small frame', async () => {
      clock.at += 2 * TTL_MS;
      const center = { lat: -41.299_9, lng: 174.779_9 };
      const positions = Array.from({ length: 400 }, (_, index) =>
        shift(center, {
          north: 4800 * Math.sin(index) * Math.sqrt(index / 400),
          east: 4800 * Math.cos(index) * Math.sqrt(index / 400),
        }),
      );
      await Promise.all(positions.map((position, index) => report(5000 + index, position)));
      const nearest = (toSeen: (point: Point) => Point) =>
        positions
          .map((position) => Math.round(metresBetween(center, toSeen(position))))
          .sort((one, other) => one - other)
          .slice(0, 50);
      const distances = async (viewer: typeof rider | typeof staff) =>
        (await ask(viewer, center, 5000)).map(({ distance_m }) => distance_m);
      assert.deepEqual(await distances(rider), nearest(toBlock));
      assert.deepEqual(
        await distances(staff),
        nearest((point) => point),
      );
      const frame = JSON.stringify({ type: 'nearby', drivers: await ask(staff, center, 5000) });
      assert.ok(frame.length < 8000, `${frame.length} bytes`);
    });

    test('those who have just left are not taken for the nearest', async () => {
      clock.at += 2 * TTL_MS - (clock.at % TTL_MS);
      const center = { lat: 1.300_1, lng: 103.800_1 };
      const moveAll = (firstId: number, north: number) =>
        Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            report(firstId + index, shift(center, { north, east: index })),
          ),
        );
      await moveAll(7000, 100);
      clock.at += TTL_MS - 1000;
      await moveAll(8000, 2000);
      clock.at += 2000;
      await moveAll(7000, 4000);
      const found = await ask(rider, center, 5000);
      assert.equal(found.length, 50);
      assert.ok(found.every(({ distance_m }) => distance_m < 2100));
    });

    test('of many who stand in one place fifty are shown', async () => {
      clock.at += 2 * TTL_MS;
      const center = { lat: 50.033_3, lng: 8.570_6 };
      await Promise.all(Array.from({ length: 300 }, (_, index) => report(6000 + index, center)));
      for (const viewer of [rider, staff]) {
        assert.equal((await ask(viewer, center, 1000)).length, 50);
      }
    });
  });
}

describe('the id of a driver', async () => {
  const { ctx, clock, report } = await openWorld('memory');
  const center = { lat: 1, lng: 1 };
  const see = async (userId: number): Promise<NearbyDriver[]> => {
    await report(9001, center);
    await report(9002, center);
    return findNearbyDrivers(ctx, { viewer: { userId, role: 'rider' }, center, radiusM: 100 });
  };
  const idsOf = async (userId: number) => (await see(userId)).map(({ driver }) => driver).sort();

  test('is the same for one rider for a day, another for each other rider and day', async () => {
    const today = await idsOf(1);
    const others = await idsOf(2);
    clock.at = Date.UTC(2026, 10, 24, 23, 59, 59, 999);
    assert.deepEqual(await idsOf(1), today);
    clock.at += 1;
    const all = [...today, ...others, ...(await idsOf(1)), ...(await idsOf(2))];
    assert.equal(new Set(all).size, 8);
    for (const id of all) assert.match(String(id), /^[\w-]{22}$/);
  });

  test('comes with a time that many drivers share', async () => {
    clock.at = Date.UTC(2026, 10, 25, 12, 0, 4, 999);
    assert.deepEqual(
      (await see(1)).map(({ updated_at }) => updated_at),
      ['2026-11-25T12:00:00.000Z', '2026-11-25T12:00:00.000Z'],
    );
  });
});

function assertSorted(found: NearbyDriver[]): void {
  for (const [index, { distance_m }] of found.entries()) {
    assert.ok(index === 0 || distance_m >= (found[index - 1]?.distance_m ?? 0));
  }
}
