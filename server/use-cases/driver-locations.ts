import { z } from 'zod';
import type { AppContext } from '../context.ts';
import type { Circle, Point } from '../ephemeral/sphere.ts';
import { Grid, type Cell } from './grid.ts';

export { distanceM, MAX_LATITUDE, type Circle, type Point } from '../ephemeral/sphere.ts';

/** Some 50 m: riders see which of these cells a driver is in, and nothing finer. */
const BLOCKS = new Grid(0.000_45);
/** Some 55 km: no key holds more than one of these, and a search looks at few. */
const AREAS = new Grid(0.5);
/** So far apart may the clocks of two nodes be. */
const CLOCK_SKEW_MS = 1000;

const locationSchema = z.object({
  lat: z.number(),
  lng: z.number(),
  heading: z.number().optional(),
  speed: z.number().optional(),
  at: z.number(),
  jti: z.string(),
});

/** Where a driver is: when it came, in milliseconds since the epoch, and with which token. */
export type DriverLocation = z.infer<typeof locationSchema>;

type LocationContext = Pick<AppContext, 'config' | 'clock' | 'ephemeral'>;

/** The middle of the block that a point lies in. */
export function toBlock(point: Point): Point {
  return BLOCKS.centerOf(BLOCKS.cellAt(point));
}

/**
 * Replaces a driver's location by a later one: the record, and an entry in the index, which leads to the record and says
 * nothing that a rider may not know. Each slice of time has an index of its own, so that all of it expires by itself.
 * @throws `service_unavailable`
 */
export async function storeLocation(
  { config, ephemeral }: LocationContext,
  driverId: number,
  location: DriverLocation,
): Promise<void> {
  const ttlMs = config.locationTtlSeconds * 1000;
  const block = toBlock(location);
  const index = indexKey(AREAS.cellAt(block), Math.floor(location.at / ttlMs));
  await Promise.all([
    ephemeral.setLatest(recordKey(driverId), location, ttlMs),
    ephemeral.place(index, { member: String(driverId), point: block }, 2 * ttlMs),
  ]);
}

/** Where each driver is, if that was told recently. @throws `service_unavailable` */
export async function findLocations(
  { config, clock, ephemeral }: LocationContext,
  driverIds: readonly number[],
): Promise<(DriverLocation | null)[]> {
  const texts = await ephemeral.getEach(driverIds.map(recordKey));
  const since = clock.now() - config.locationTtlSeconds * 1000;
  return texts.map((text) => {
    const location = text === null ? null : locationSchema.parse(JSON.parse(text));
    return location !== null && location.at > since ? location : null;
  });
}

/** The indexes that may name a driver within a circle. */
export function indexesAround({ config, clock }: LocationContext, circle: Circle): string[] {
  const ttlMs = config.locationTtlSeconds * 1000;
  const now = clock.now();
  const oldest = Math.floor((now - ttlMs) / ttlMs);
  const newest = Math.floor((now + CLOCK_SKEW_MS) / ttlMs);
  const slices = Array.from({ length: newest - oldest + 1 }, (_, index) => oldest + index);
  return AREAS.cellsAround(circle).flatMap((cell) => slices.map((slice) => indexKey(cell, slice)));
}

function recordKey(driverId: number): string {
  return `location:${driverId}`;
}

function indexKey({ row, column }: Cell, slice: number): string {
  return `drivers:${row}:${column}:${slice}`;
}
