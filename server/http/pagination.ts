import { z } from 'zod';

interface Position {
  createdAt: Date;
  id: string;
}

/** What a list is sorted by. */
interface Item {
  createdAt: Date;
  id: string | number;
}

/** Of the page after this one. */
export const nextCursorSchema = z
  .string()
  .nullable()
  .describe('`cursor` of the next page; null at the end')
  .meta({ examples: [null] });

/** Where a list goes on: the sort key of the last item, opaque to clients. */
function cursorSchema(id: z.ZodString) {
  const position = z.tuple([z.iso.datetime(), id]);
  return z
    .string()
    .max(256)
    .meta({ examples: ['WyIyMDI2LTAzLTAxVDA4OjMwOjAwLjAwMFoiLCI0MiJd'] })
    .transform((text, context): Position => {
      const parsed = position.safeParse(decode(text));
      if (parsed.success) return { createdAt: new Date(parsed.data[0]), id: parsed.data[1] };
      context.addIssue({ code: 'custom', message: 'This is not a cursor that we gave' });
      return z.NEVER;
    });
}

/** @param id What the ids of the list look like. */
export function pageQuerySchema(id: z.ZodString) {
  return z.strictObject({
    limit: z
      .string()
      .regex(/^[1-9]\d{0,2}$/, 'Give a number from 1 to 200')
      .transform(Number)
      .pipe(z.int().max(200, 'Give a number from 1 to 200'))
      .prefault('50')
      .describe('How many are on the page: 1 to 200'),
    cursor: cursorSchema(id).optional().describe('`next_cursor` of the page before'),
  });
}

/** The page itself and where the next begins; ask the database for one item more than the page holds. */
export function toPage<Listed extends Item>(
  items: Listed[],
  limit: number,
): { items: Listed[]; nextCursor: string | null } {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  const hasMore = items.length > limit && last !== undefined;
  return { items: page, nextCursor: hasMore ? encode(last) : null };
}

function encode({ createdAt, id }: Item): string {
  return Buffer.from(JSON.stringify([createdAt.toISOString(), String(id)])).toString('base64url');
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return null;
  }
}
