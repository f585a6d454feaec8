import { z } from 'zod';
import { ROLES } from '../config.ts';
import { ERRORS } from '../errors.ts';
import { CLOSE_CODES } from './close-codes.ts';
import type { Connection } from './connection.ts';

/** What a client may name a frame by, to find its answer. */
export const refSchema = z
  .union([z.string().max(128), z.number()])
  .optional()
  .describe('Of the frame that this answers, if it had one')
  .meta({ examples: ['a1'] });

/** Codes of `error` frames, beside those of `errors.ts`. */
export const FRAME_ERRORS = {
  unknown_type: 'There is no frame of this type',
  invalid_frame: 'The frame does not have the fields of its type',
} as const;

const FRAME_ERROR_CODES = [...Object.keys(FRAME_ERRORS), ...Object.keys(ERRORS)];

const expiresAt = z.iso.datetime().describe('When the socket ends, unless it is refreshed');

/** A driver as the viewer sees it. */
const nearbyDriver = z
  .object({
    driver: z
      .string()
      .optional()
      .describe('To riders: an opaque id, which changes daily')
      .meta({ examples: ['kR3vN7sD5fG0hLc9e1P2a3'] }),
    user_id: z
      .int()
      .optional()
      .describe('To staff')
      .meta({ examples: [42] }),
    lat: z.number().meta({ examples: [52.5205] }),
    lng: z.number().meta({ examples: [13.4095] }),
    heading: z
      .number()
      .optional()
      .meta({ examples: [90] }),
    speed: z
      .number()
      .optional()
      .meta({ examples: [8.3] }),
    updated_at: z.iso.datetime(),
    distance_m: z.number().meta({ examples: [150] }),
  })
  .meta({
    examples: [
      {
        driver: 'kR3vN7sD5fG0hLc9e1P2a3',
        lat: 52.5205,
        lng: 13.4095,
        distance_m: 150,
        updated_at: '2026-03-01T08:30:00.000Z',
      },
    ],
  });

/** The frames that we send, and what each is for: their types come from here, and their description. */
export const SERVER_FRAMES = {
  ready: frame('ready', 'The first frame', {
    connection_id: z.string().meta({ examples: ['3f0c5a52-1d64-4f0e-9d1b-0c1f6f6f2a11'] }),
    session_id: z.string().meta({ examples: ['tJ5rXb0mSNqv3y8cWd7k1A'] }),
    user_id: z.int().meta({ examples: [42] }),
    role: z.enum(ROLES),
    expires_at: expiresAt,
    heartbeat_seconds: z
      .int()
      .describe('How often the server pings')
      .meta({ examples: [25] }),
  }),
  token_expiring: frame('token_expiring', 'A minute before the token expires: `refresh` now', {
    expires_at: expiresAt,
  }),
  refreshed: frame('refreshed', 'The socket lives on', { expires_at: expiresAt, ref: refSchema }),
  event: frame('event', 'Pushed by the backend (`POST /api/admin/realtime/events`)', {
    event: z.string().meta({ examples: ['ride_offered'] }),
    data: z.unknown().meta({ examples: [{ ride_id: 7 }] }),
  }),
  location_ok: frame('location_ok', 'The position has been taken', { ref: refSchema }),
  nearby: frame('nearby', 'The nearest drivers, the nearest first', {
    drivers: z.array(nearbyDriver).max(50),
    ref: refSchema,
  }),
  drain: frame('drain', 'The node is about to stop: connect to another after this time', {
    reconnect_after_ms: z.int().meta({ examples: [1200] }),
  }),
  revoked: frame('revoked', 'The session has ended; the close follows', {
    reason: z.enum(Object.keys(CLOSE_CODES)).meta({ examples: ['logout'] }),
  }),
  error: frame('error', 'The frame fits no type, or what it asked for failed; the socket lives', {
    code: z.enum(FRAME_ERROR_CODES).describe('For programs'),
    detail: z
      .string()
      .describe('For people')
      .meta({ examples: [FRAME_ERRORS.unknown_type] }),
    ref: refSchema,
  }),
  pong: frame('pong', 'The answer to `ping`', { ref: refSchema }),
};

export type FrameOf<Type extends keyof typeof SERVER_FRAMES> = z.output<
  (typeof SERVER_FRAMES)[Type]
>;

function frame<Type extends string, Shape extends z.ZodRawShape>(
  type: Type,
  description: string,
  fields: Shape,
) {
  return z.object({ type: z.literal(type), ...fields }).describe(description);
}

/** The first frame. */
export function readyFrame(connection: Connection, heartbeatSeconds: number): FrameOf<'ready'> {
  const { sessionId, userId, role } = connection.principal;
  return {
    type: 'ready',
    connection_id: connection.id,
    session_id: sessionId,
    user_id: userId,
    role,
    expires_at: expiryOf(connection),
    heartbeat_seconds: heartbeatSeconds,
  };
}

/** A minute before the socket's token expires. */
export function expiringFrame(connection: Connection): FrameOf<'token_expiring'> {
  return { type: 'token_expiring', expires_at: expiryOf(connection) };
}

export function errorFrame(
  code: keyof typeof FRAME_ERRORS,
  detail: string = FRAME_ERRORS[code],
): FrameOf<'error'> {
  return { type: 'error', code, detail };
}

/** When the socket ends, unless it is refreshed: ISO 8601. */
export function expiryOf({ principal }: Connection): string {
  return new Date(principal.expiresAt * 1000).toISOString();
}
