import { Ajv2020 } from 'ajv/dist/2020.js';
import standaloneCode from 'ajv/dist/standalone/index.js';
import addFormats from 'ajv-formats';
import { describeApi } from '../../../server/http/openapi.ts';
import { describedApi } from '../../../server/http/surfaces.ts';
import { describeSocket } from '../../../server/realtime/asyncapi.ts';
import { createMessages } from '../../../server/realtime/built-in-messages.ts';
import type { JsonSchema } from '../../../server/json-schema.ts';

/** What one answer may be. */
export interface DescribedAnswer {
  requiredHeaders: string[];
  /** By media type: the name of its validator, and for an error which words its `code` or `error` may be. */
  content: Record<string, { validator: string; words?: string[] }>;
}

export interface DescribedOperation {
  method: string;
  path: string;
  answers: Record<string, DescribedAnswer>;
}

export interface Compiled {
  operations: DescribedOperation[];
  /** The names of the validators of frames, by who sends them and their type. */
  frames: Record<'client' | 'server', Record<string, string>>;
  /** The source of a CommonJS module with the validators, by name. */
  code: string;
}

interface Response {
  headers?: Record<string, unknown>;
  content?: Record<string, MediaType>;
}

interface MediaType {
  schema: JsonSchema & { allOf?: [{ $ref: string }, { properties: { code: { enum: string[] } } }] };
  examples?: Record<string, { $ref?: string }>;
}

interface Description {
  paths: Record<
    string,
    Record<string, { responses: Record<string, Response & { $ref?: string }> }>
  >;
  components: {
    schemas: Record<string, JsonSchema>;
    responses: Record<string, Response>;
    examples: Record<string, { value: { error?: string } }>;
  };
}

/** Every operation of the published description, and a validator for all that it may answer. */
export function compileDescription(): Compiled {
  const api = describedApi({ allowsPasswordGrant: true, defaultRegion: undefined });
  const description = close(describeApi(api)) as Description;
  const ajv = new Ajv2020({
    strict: false,
    strictNumbers: true,
    validateSchema: false,
    code: { source: true },
  });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'api', components: { schemas: description.components.schemas } });
  const names = new Map<string, string>();
  const nameOf = (schema: JsonSchema): string => {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"api#/components');
    const name = names.get(text) ?? `v${names.size}`;
    if (!names.has(text)) ajv.addSchema({ ...(JSON.parse(text) as object), $id: name });
    names.set(text, name);
    return name;
  };
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { responses }]) => ({
      method: method.toUpperCase(),
      path,
      answers: Object.fromEntries(
        Object.entries(responses).map(([status, response]) => [
          status,
          toAnswer(response, { description, nameOf }),
        ]),
      ),
    })),
  );
  const frames = framesOf(nameOf);
  const ids = Object.fromEntries(Array.from(names.values(), (name) => [name, name]));
  return { operations, frames, code: standaloneCode.default(ajv, ids) };
}

/** Frames from clients are described closed, as they are judged; those from the server are closed here. */
function framesOf(nameOf: Naming['nameOf']): Compiled['frames'] {
  // Only their handlers, which are never called, need what they are made with.
  const types = createMessages({} as never, {} as never);
  const { components } = describeSocket(types, { publicUrl: 'http://localhost' });
  const frames: Compiled['frames'] = { client: {}, server: {} };
  for (const [key, { name, payload }] of Object.entries(components.messages)) {
    const side = key.startsWith('client.') ? 'client' : 'server';
    frames[side][name] = nameOf(close(payload) as JsonSchema);
  }
  return frames;
}

interface Naming {
  description: Description;
  nameOf: (schema: JsonSchema) => string;
}

function toAnswer(given: Response & { $ref?: string }, naming: Naming): DescribedAnswer {
  const { components } = naming.description;
  const response = given.$ref === undefined ? given : components.responses[lastPart(given.$ref)];
  const content = Object.entries(response?.content ?? {}).map(([type, { schema, examples }]) => {
    const error = schema.allOf?.[0] ?? schema;
    const validator = naming.nameOf(error);
    const words = schema.allOf?.[1].properties.code.enum ?? oauthWords(examples, components);
    return [type, { validator, ...(words.length > 0 && { words }) }] as const;
  });
  return {
    requiredHeaders: Object.keys(response?.headers ?? {}),
    content: Object.fromEntries(content),
  };
}

/** OAuth 2 has few words for many codes: those of the examples. */
function oauthWords(
  examples: MediaType['examples'] = {},
  { examples: all }: Description['components'],
): string[] {
  return Object.values(examples).flatMap(({ $ref = '' }) => {
    const word = all[lastPart($ref)]?.value.error;
    return word === undefined ? [] : [word];
  });
}

function lastPart(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}

/** Clients must bear fields that they do not know; we must not send any that are not described. */
function close(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(close);
  if (typeof value !== 'object' || value === null) return value;
  const closed = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, close(each)]));
  const isObject = closed.type === 'object' && 'properties' in closed;
  return isObject ? { additionalProperties: false, ...closed } : closed;
}
