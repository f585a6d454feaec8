import type { AppContext } from '../context.ts';
import { AppError } from '../errors.ts';
import type { Principal } from './authenticate-token.ts';
import { storeLocation, type DriverLocation } from './driver-locations.ts';

type ReportContext = Pick<
  AppContext,
  'config' | 'clock' | 'ephemeral' | 'metrics' | 'lease' | 'revocations' | 'locationWrites'
>;

interface ReportInput {
  principal: Pick<Principal, 'userId' | 'role' | 'jti'>;
  position: Omit<DriverLocation, 'at' | 'jti'>;
}

/**
 * Takes a driver's position. It is stored at once, or, where one was within the last second, at the end of that second
 * if no newer one has come. @throws `insufficient_permissions`, `service_unavailable`
 */
export async function reportLocation(
  ctx: ReportContext,
  { principal, position }: ReportInput,
): Promise<void> {
  if (principal.role !== 'driver') throw new AppError('insufficient_permissions');
  const location = { ...position, at: ctx.clock.now(), jti: principal.jti };
  await ctx.locationWrites.offer(principal.userId, () => write(ctx, principal.userId, location));
}

async function write(
  ctx: ReportContext,
  driverId: number,
  location: DriverLocation,
): Promise<void> {
  const { driverLocations } = ctx.metrics;
  // It may have waited, and its session may have ended meanwhile.
  if (!ctx.lease.isHeld || ctx.revocations.hasToken(location.jti)) {
    driverLocations.inc({ outcome: 'dropped' });
    return;
  }
  try {
    await storeLocation(ctx, driverId, location);
    driverLocations.inc({ outcome: 'stored' });
  } catch (error) {
    driverLocations.inc({ outcome: 'failed' });
    throw error;
  }
}
