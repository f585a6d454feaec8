import { z } from 'zod';

/** JSON Schema. */
export type JsonSchema = Record<string, unknown>;

/** Which side of a schema: what is sent, before its transforms, or what is answered. */
export type Direction = 'input' | 'output';

const COMPONENTS = '#/components/schemas/';

/** The schemas of a description as JSON: one that has an id is kept once, as a component, and referred to. */
export class PublishedSchemas {
  readonly components: Record<string, JsonSchema> = {};
  readonly #draft: 'draft-2020-12' | 'draft-7';

  constructor(draft: 'draft-2020-12' | 'draft-7' = 'draft-2020-12') {
    this.#draft = draft;
  }

  add(schema: z.ZodType, io: Direction): JsonSchema {
    // In a wrapper, because the outermost schema is never a reference.
    const whole = z.toJSONSchema(z.object({ schema }), {
      io,
      target: this.#draft,
      unrepresentable: 'any',
    });
    const { properties = {}, $defs, definitions } = whole;
    for (const [id, each] of Object.entries($defs ?? definitions ?? {})) {
      this.components[id] = tidy(each, io);
    }
    return tidy(properties.schema, io);
  }

  /** A realistic value: made of the examples that stand beside the fields. */
  exampleOf(schema: JsonSchema): unknown {
    const { $ref, examples, anyOf, properties, items } = schema as ExampleSource;
    if (Array.isArray(examples)) return examples[0];
    if ($ref !== undefined) return this.exampleOf(this.components[nameOf($ref)] ?? {});
    if ('const' in schema) return schema.const;
    if (Array.isArray(schema.enum)) return schema.enum[0] as unknown;
    if ('default' in schema) return schema.default;
    if (anyOf?.[0] !== undefined) return this.exampleOf(anyOf[0]);
    if (items !== undefined) return [this.exampleOf(items)];
    if (properties !== undefined) {
      const fields = Object.entries(properties);
      return Object.fromEntries(fields.map(([name, field]) => [name, this.exampleOf(field)]));
    }
    if (schema.format === 'date-time') return '2026-03-01T08:30:00.000Z';
    return schema.type === 'boolean' ? true : undefined;
  }
}

interface ExampleSource {
  $ref?: string;
  examples?: unknown[];
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
}

/** The name of the component that a reference points to. */
export function nameOf(reference: string): string {
  return reference.slice(COMPONENTS.length);
}

/** Values, in which nothing is a keyword. */
const VALUES = new Set(['const', 'default', 'enum', 'examples']);

function tidy(value: unknown, io: Direction): JsonSchema {
  const schema = collapseNull(value as JsonSchema);
  return Object.fromEntries(
    Object.entries(schema)
      .filter((entry) => !isNoise(entry, schema, io))
      .map(([keyword, each]) => [keyword, VALUES.has(keyword) ? each : tidyPart(each, io)]),
  );
}

function tidyPart(value: unknown, io: Direction): unknown {
  if (typeof value === 'string') return value.replace(/^#\/(\$defs|definitions)\//, COMPONENTS);
  if (Array.isArray(value)) return value.map((each) => tidyPart(each, io));
  return typeof value === 'object' && value !== null ? tidy(value, io) : value;
}

/** What says nothing to whoever reads it: the bounds of JavaScript, and a format in other words. */
function isNoise([keyword, value]: [string, unknown], schema: JsonSchema, io: Direction): boolean {
  if (keyword === 'minimum') return value === Number.MIN_SAFE_INTEGER;
  if (keyword === 'maximum') return value === Number.MAX_SAFE_INTEGER;
  if (keyword === 'pattern') return schema.format === 'date-time';
  // Clients ignore what they do not know: a new field in an answer breaks nobody.
  return keyword === 'additionalProperties' && value === false && io === 'output';
}

/** `string` or null is one type with two names, not a choice of two schemas. */
function collapseNull(schema: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return schema;
  const [one, other] = anyOf as [JsonSchema, JsonSchema];
  if (other.type !== 'null' || typeof one.type !== 'string') return schema;
  const values = Array.isArray(one.enum) ? { enum: [...(one.enum as unknown[]), null] } : {};
  return { ...one, ...values, ...rest, type: [one.type, 'null'] };
}
