import { z } from 'zod';
import type { AppContext } from '../context.ts';
import { toAppError } from '../errors.ts';
import type { Connection, ServerFrame } from './connection.ts';
import { errorFrame, refSchema as ref, type FrameOf } from './server-frames.ts';

/** Of a frame that we send: its `type` and its fields. */
export type AnswerSchema = z.ZodObject<{ type: z.ZodLiteral<string> }>;

export interface MessageDefinition<Shape extends z.ZodRawShape> {
  /** The frame's own fields, beside `type` and `ref`; others are refused. */
  fields: Shape;
  /** What the frame is for, in the published description. */
  summary?: string;
  /** What it is answered with, in the published description. */
  answer?: AnswerSchema;
  /** Whether a client that is slow to read gets the newest answer of this frame alone. */
  isLatestOnly?: boolean;
  /** What the frame does; its answer, if it has one, is sent with the frame's `ref`. May throw an `AppError`. */
  handle: (
    connection: Connection,
    frame: z.output<z.ZodObject<Shape>>,
  ) => ServerFrame | undefined | Promise<ServerFrame | undefined>;
}

export interface FrameHandler {
  fields: z.ZodRawShape;
  isLatestOnly: boolean;
  summary: string | undefined;
  answer: AnswerSchema | undefined;
  /** Of a whole frame, as it is published. */
  schemaOf: (type: string) => z.ZodObject;
  /** Acts on a frame, given as parsed JSON. */
  handle: (
    connection: Connection,
    value: unknown,
  ) => ReturnType<MessageDefinition<z.ZodRawShape>['handle']>;
}

/** One message type: the frame is checked against its fields, then handled. */
export function defineMessage<Shape extends z.ZodRawShape>(
  definition: MessageDefinition<Shape>,
): FrameHandler {
  const { fields, summary, answer, isLatestOnly = false, handle } = definition;
  const own = z.object(fields);
  const whole = z.strictObject({ ...fields, type: z.string(), ref });
  return {
    fields,
    isLatestOnly,
    summary,
    answer,
    schemaOf: (type) => z.strictObject({ type: z.literal(type), ...fields, ref }),
    handle: (connection, value) =>
      whole.safeParse(value).success
        ? handle(connection, own.parse(value))
        : errorFrame('invalid_frame'),
  };
}

export type MessageTypes = ReadonlyMap<string, FrameHandler>;

/**
 * Acts on one text frame; an `AppError` that its handler throws is answered with its code and sentence. False where it
 * is not of the protocol, so that the socket must be closed, before anything that came with it is looked at.
 */
export function receive(
  ctx: Pick<AppContext, 'log'>,
  { connection, types, text }: { connection: Connection; types: MessageTypes; text: string },
): boolean {
  const parsed = parseJson(text);
  if (!parsed.ok) return false;
  const { value } = parsed;
  const handler = types.get(envelope.safeParse(value).data?.type ?? '');
  void respond(ctx, { connection, handler, value });
  return true;
}

async function respond(ctx: Pick<AppContext, 'log'>, received: Received): Promise<void> {
  const { connection, handler, value } = received;
  const answer = await handle(ctx, received);
  if (answer === undefined) return;
  const given = refOf(value);
  const frame = given === undefined ? answer : { ...answer, ref: given };
  if (handler?.isLatestOnly === true && answer.type !== 'error')
    connection.sendLatest(answer.type, frame);
  else connection.send(frame);
}

const envelope = z.object({ type: z.string() });

interface Received {
  connection: Connection;
  handler: FrameHandler | undefined;
  value: unknown;
}

async function handle(
  ctx: Pick<AppContext, 'log'>,
  { connection, handler, value }: Received,
): Promise<ServerFrame | undefined> {
  if (handler === undefined) return errorFrame('unknown_type');
  try {
    return await handler.handle(connection, value);
  } catch (error) {
    const { code, message, status } = toAppError(error);
    if (status === 500) {
      ctx.log.error({ err: error, connection_id: connection.id }, 'a frame failed');
    }
    return { type: 'error', code, detail: message } satisfies FrameOf<'error'>;
  }
}

const referred = z.object({ ref });

function refOf(value: unknown): string | number | undefined {
  return referred.safeParse(value).data?.ref;
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false };
  }
}
