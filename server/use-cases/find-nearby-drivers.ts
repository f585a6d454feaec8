import { isStaffRole, type Role } from '../config.ts';
import type { AppContext } from '../context.ts';
import { keyedHash } from '../crypto/keyed-hash.ts';
import type { Found } from '../ephemeral/ephemeral-store.ts';
import { AppError } from '../errors.ts';
import type { Principal } from './authenticate-token.ts';
import { assertSecondFactor } from './authorize-staff.ts';
import {
  distanceM,
  findLocations,
  indexesAround,
  toBlock,
  type Circle,
  type DriverLocation,
  type Point,
} from './driver-locations.ts';

const MAX_DRIVERS = 50;
const READ_AT_ONCE = 64;
/** Two and more times as many as are shown: some of them have gone since. */
const MAX_PER_INDEX = 200;
/** How far off the index may be: half a block and its own rounding, or that alone. */
const MARGIN_M = { exact: 40, block: 2 };
/** A finer one would be a name, the same under every id that a driver has. */
const RIDERS_TIME_STEP_MS = 5000;
/** Of base64url: 132 bits. */
const OPAQUE_ID_LENGTH = 22;

type NearbyContext = Pick<
  AppContext,
  'config' | 'clock' | 'db' | 'ephemeral' | 'lease' | 'revocations' | 'driverIdKey'
>;

interface NearbyInput extends Circle {
  viewer: Pick<Principal, 'userId' | 'role'>;
}

/** What a viewer may know of a driver. */
interface Shown extends Point {
  /** To riders, whom it tells nothing. */
  driver?: string;
  /** To staff, as what follows. */
  user_id?: number;
  heading?: number | undefined;
  speed?: number | undefined;
  updated_at: string;
}

/** How a viewer sees drivers. */
interface Eyes {
  see: (driverId: number, location: DriverLocation) => Shown;
  marginM: number;
}

export interface NearbyDriver extends Shown {
  distance_m: number;
}

/** A driver as the viewer sees it, and with which token its location came. */
interface Seen {
  driver: NearbyDriver;
  jti: string;
}

/** How far a role may look, in metres. @throws `insufficient_permissions` */
export function farthestOf(role: Role): number {
  if (role === 'driver') throw new AppError('insufficient_permissions');
  return isStaffRole(role) ? 50_000 : 5000;
}

/**
 * The drivers within a circle, the nearest first. To a rider the answer, with its choice and its order, depends on the
 * blocks that drivers are in and on nothing finer, so that no number of questions finds out more.
 * Staff see exact positions, so they need what they need for all that concerns others.
 * @throws `two_factor_required`, `service_unavailable`
 */
export async function findNearbyDrivers(
  ctx: NearbyContext,
  { viewer, ...circle }: NearbyInput,
): Promise<NearbyDriver[]> {
  const { userId } = viewer;
  if (isStaffRole(viewer.role)) await assertSecondFactor(ctx, { actor: { userId } });
  const eyes = isStaffRole(viewer.role) ? STAFF : ridersEyes(ctx, userId);
  const candidates = await findCandidates(ctx, circle, eyes);
  const seen: Seen[] = [];
  const living = (): NearbyDriver[] =>
    seen.filter(({ jti }) => !ctx.revocations.hasToken(jti)).map(({ driver }) => driver);
  for (let start = 0; start < candidates.length; start += READ_AT_ONCE) {
    const batch = candidates.slice(start, start + READ_AT_ONCE);
    seen.push(...(await look(ctx, { candidates: batch, circle, eyes })));
    const reachedM = (batch.at(-1)?.distanceM ?? 0) + eyes.marginM;
    const nearer = living().filter(({ distance_m }) => distance_m <= reachedM);
    if (nearer.length >= MAX_DRIVERS) break;
  }
  // From the last answer on nothing is waited for: this node knows what has ended by now, or serves nothing.
  if (!ctx.lease.isHeld) throw new AppError('service_unavailable');
  const nearest = living().sort(byDistance).slice(0, MAX_DRIVERS);
  return nearest.map((driver) => ({ ...driver, distance_m: Math.round(driver.distance_m) }));
}

/** Whom the indexes name, the nearest first, each once. */
async function findCandidates(ctx: NearbyContext, circle: Circle, eyes: Eyes): Promise<Found[]> {
  const wide = { center: circle.center, radiusM: circle.radiusM + eyes.marginM };
  const found = await Promise.all(
    indexesAround(ctx, wide).map((key) => ctx.ephemeral.findWithin(key, wide, MAX_PER_INDEX)),
  );
  const sorted = found.flat().sort((one, other) => one.distanceM - other.distanceM);
  const seen = new Set<string>();
  return sorted.filter(({ member }) => !seen.has(member) && seen.add(member));
}

/** Those whom the viewer sees within the circle: by their records alone, whatever the index said. */
async function look(
  ctx: NearbyContext,
  { candidates, circle, eyes }: { candidates: Found[]; circle: Circle; eyes: Eyes },
): Promise<Seen[]> {
  const driverIds = candidates.map(({ member }) => Number(member));
  const locations = await findLocations(ctx, driverIds);
  return driverIds.flatMap((driverId, index) => {
    const location = locations[index] ?? null;
    if (location === null) return [];
    const shown = eyes.see(driverId, location);
    const distance_m = distanceM(circle.center, shown);
    const isWithin = distance_m <= circle.radiusM;
    return isWithin ? [{ driver: { ...shown, distance_m }, jti: location.jti }] : [];
  });
}

const STAFF: Eyes = {
  marginM: MARGIN_M.exact,
  see: (driverId, { lat, lng, heading, speed, at }) => ({
    user_id: driverId,
    lat,
    lng,
    heading,
    speed,
    updated_at: new Date(at).toISOString(),
  }),
};

/** Ids that are another one for each rider and each day (UTC), so that two riders or two days cannot be compared. */
function ridersEyes({ clock, driverIdKey }: NearbyContext, riderId: number): Eyes {
  const day = new Date(clock.now()).toISOString().slice(0, 10);
  const opaque = (driverId: number): string =>
    keyedHash(driverIdKey, String(riderId), String(driverId), day).slice(0, OPAQUE_ID_LENGTH);
  return {
    marginM: MARGIN_M.block,
    see: (driverId, location) => ({
      driver: opaque(driverId),
      ...toBlock(location),
      updated_at: new Date(location.at - (location.at % RIDERS_TIME_STEP_MS)).toISOString(),
    }),
  };
}

/** Of those that are equally far, no id comes first for all riders. */
function byDistance(one: NearbyDriver, other: NearbyDriver): number {
  const nameOf = ({ driver, user_id }: Shown) => driver ?? String(user_id);
  return one.distance_m - other.distance_m || (nameOf(one) < nameOf(other) ? -1 : 1);
}
