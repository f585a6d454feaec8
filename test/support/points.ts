import fc from 'fast-check';
import type { Point } from '../../server/use-cases/driver-locations.ts';

const MAX_LAT = 85.05112878;
const RADIUS_M = 6_372_797.560856;
const METRES_PER_DEGREE = (RADIUS_M * Math.PI) / 180;

const number = (min: number, max: number): fc.Arbitrary<number> =>
  fc.double({ min, max, noNaN: true });

/** Anywhere, and more often where maps are cut or end. */
export const places: fc.Arbitrary<Point> = fc.oneof(
  fc.record({ lat: number(-MAX_LAT, MAX_LAT), lng: number(-180, 180) }),
  fc.record({
    lat: number(-MAX_LAT, MAX_LAT),
    lng: fc.oneof(number(179.9, 180), number(-180, -179.9)),
  }),
  fc.record({ lat: fc.oneof(number(85, MAX_LAT), number(-MAX_LAT, -85)), lng: number(-180, 180) }),
  fc.record({ lat: number(85, MAX_LAT), lng: number(179, 180) }),
  fc.record({ lat: number(-0.01, 0.01), lng: number(-0.01, 0.01) }),
  fc.constantFrom(
    { lat: MAX_LAT, lng: 180 },
    { lat: -MAX_LAT, lng: -180 },
    { lat: 0, lng: 0 },
    { lat: 45, lng: 90 },
    { lat: -0, lng: -180 },
  ),
);

/** Metres to the north and the east. */
export interface Offset {
  north: number;
  east: number;
}

export function offsets(metres: number): fc.Arbitrary<Offset> {
  return fc.record({ north: number(-metres, metres), east: number(-metres, metres) });
}

/** So far from a point, or as far as there is earth with positions. */
export function shift({ lat, lng }: Point, { north, east }: Offset): Point {
  const shifted = lng + east / METRES_PER_DEGREE / Math.cos((lat * Math.PI) / 180);
  const onEarth = shifted > 180 ? shifted - 360 : shifted < -180 ? shifted + 360 : shifted;
  const latitude = lat + north / METRES_PER_DEGREE;
  return { lat: Math.max(-MAX_LAT, Math.min(MAX_LAT, latitude)), lng: onEarth };
}

/** Metres between two points on the sphere that the service measures on, by another formula than its own. */
export function metresBetween(one: Point, other: Point): number {
  const [a, b] = [toVector(one), toVector(other)];
  const cross = Math.hypot(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
  return RADIUS_M * Math.atan2(cross, a.x * b.x + a.y * b.y + a.z * b.z);
}

function toVector({ lat, lng }: Point): { x: number; y: number; z: number } {
  const [phi, lambda] = [(lat * Math.PI) / 180, (lng * Math.PI) / 180];
  return {
    x: Math.cos(phi) * Math.cos(lambda),
    y: Math.cos(phi) * Math.sin(lambda),
    z: Math.sin(phi),
  };
}
