/** A place on earth, in degrees (WGS 84). */
export interface Point {
  lat: number;
  lng: number;
}

export interface Circle {
  center: Point;
  radiusM: number;
}

/** Redis indexes nothing nearer to the poles: the square map of the web ends there (EPSG:3857). */
export const MAX_LATITUDE = 85.05112878;

/** Redis measures on this sphere: so do we, that both mean the same by a metre. */
const EARTH_RADIUS_M = 6_372_797.560856;

const toRadians = (degrees: number): number => (degrees * Math.PI) / 180;
const toDegrees = (radians: number): number => (radians * 180) / Math.PI;

/** Metres along the great circle (haversine): within half a percent of those on the ground. */
export function distanceM(one: Point, other: Point): number {
  const halfLat = Math.sin(toRadians(other.lat - one.lat) / 2);
  const halfLng = Math.sin(toRadians(other.lng - one.lng) / 2);
  const cosines = Math.cos(toRadians(one.lat)) * Math.cos(toRadians(other.lat));
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(halfLat ** 2 + cosines * halfLng ** 2));
}

/** How many degrees a circle reaches to the north and the south of its center, and to the west and the east. */
export function reachOf({ center, radiusM }: Circle): Point {
  const angle = radiusM / EARTH_RADIUS_M;
  // The meridian that touches the circle does so nearer to the pole than its center is.
  const sine = Math.sin(angle) / Math.cos(toRadians(center.lat));
  return { lat: toDegrees(angle), lng: sine < 1 ? toDegrees(Math.asin(sine)) : 180 };
}
