import { z } from 'zod';
import { AppError } from '../errors.ts';
import { MAX_LATITUDE } from '../use-cases/driver-locations.ts';
import { farthestOf, findNearbyDrivers } from '../use-cases/find-nearby-drivers.ts';
import { reportLocation } from '../use-cases/report-location.ts';
import { defineMessage, type FrameHandler } from './messages.ts';
import { errorFrame, SERVER_FRAMES, type FrameOf } from './server-frames.ts';
import { TokenBuckets } from './token-buckets.ts';

/** Of a car, in m/s, and more than any does. */
const MAX_SPEED = 150;
const NEARBY_LIMIT = { burst: 5, intervalMs: 1000 };

const point = {
  lat: z
    .number()
    .min(-MAX_LATITUDE)
    .max(MAX_LATITUDE)
    .meta({ examples: [52.52] }),
  lng: z
    .number()
    .min(-180)
    .max(180)
    .meta({ examples: [13.41] }),
};

/** Null is what the Geolocation API of browsers gives for what it does not know. */
const position = {
  ...point,
  heading: z
    .number()
    .min(0)
    .max(360)
    .nullish()
    .describe('Degrees from north')
    .meta({ examples: [90] }),
  speed: z
    .number()
    .min(0)
    .max(MAX_SPEED)
    .nullish()
    .describe('Metres a second')
    .meta({ examples: [8.3] }),
};

const circle = {
  ...point,
  radius_m: z
    .number()
    .min(1)
    .meta({ examples: [1500] }),
};

export type LocationContext = Parameters<typeof reportLocation>[0] &
  Parameters<typeof findNearbyDrivers>[0];

/** A driver says where it is. */
export function locationMessage(ctx: LocationContext): FrameHandler {
  return defineMessage({
    summary: 'Where a driver is',
    fields: position,
    answer: SERVER_FRAMES.location_ok,
    handle: async ({ principal }, { lat, lng, heading, speed }) => {
      await reportLocation(ctx, {
        principal,
        position: { lat, lng, heading: heading ?? undefined, speed: speed ?? undefined },
      });
      return { type: 'location_ok' } satisfies FrameOf<'location_ok'>;
    },
  });
}

/** Asked for by users, on however many sockets: one who could ask without end would follow every driver. */
export function nearbyMessage(ctx: LocationContext): FrameHandler {
  const buckets = new TokenBuckets<number>(ctx.clock, NEARBY_LIMIT);
  return defineMessage({
    summary: 'Which drivers are in a circle; for riders and staff',
    fields: circle,
    answer: SERVER_FRAMES.nearby,
    // What waits for a slow client grows old: the less of it the better.
    isLatestOnly: true,
    handle: async ({ principal }, { lat, lng, radius_m }) => {
      const { userId, role } = principal;
      const farthestM = farthestOf(role);
      if (radius_m > farthestM) {
        return errorFrame('invalid_frame', `radius_m is at most ${farthestM} for this role`);
      }
      if (!buckets.take(userId)) throw new AppError('rate_limited');
      const center = { lat, lng };
      const drivers = await findNearbyDrivers(ctx, {
        viewer: principal,
        center,
        radiusM: radius_m,
      });
      return { type: 'nearby', drivers } satisfies FrameOf<'nearby'>;
    },
  });
}
