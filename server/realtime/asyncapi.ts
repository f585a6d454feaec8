import type { z } from 'zod';
import type { Config } from '../config.ts';
import { PublishedSchemas } from '../json-schema.ts';
import { packageVersion } from '../package-version.ts';
import { CLOSE_CODES } from './close-codes.ts';
import type { AnswerSchema, MessageTypes } from './messages.ts';
import { SERVER_FRAMES } from './server-frames.ts';

const DESCRIPTION = `Frames are JSON texts of at most 16 KiB with a \`type\`. A client may add a \`ref\` to any frame, and
gets it back in the answer. A frame that fits no type is answered with \`error\`, and the socket lives; what is no JSON text
closes it. Why a socket was closed, and what the client does then, is in \`x-close-codes\` of the channel: 4500 to 4504 are
terminal, the credentials are dead. Frames from the server may get new fields at any time.`;

const CHANNEL = '#/channels/socket';

/** A frame as it is published. */
interface PublishedFrame {
  /** Unique among the frames of both directions. */
  name: string;
  type: string;
  summary: string | undefined;
  schema: z.ZodType;
  direction: 'receive' | 'send';
  /** Names of the frames that it is answered with. */
  answers: string[];
}

/** The AsyncAPI 3 description of the live socket, made of the schemas that its frames have. */
export function describeSocket(types: MessageTypes, { publicUrl }: Pick<Config, 'publicUrl'>) {
  const frames = [...framesFromClients(types), ...framesFromServer(types)];
  const url = new URL(publicUrl);
  // The schemas of AsyncAPI 3 are those of draft 7, and a little more.
  const schemas = new PublishedSchemas('draft-7');
  const messages = frames.map((frame) => [frame.name, describeMessage(schemas, frame)] as const);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Medallion: the live socket',
      version: packageVersion(),
      description: DESCRIPTION,
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      node: {
        host: url.host,
        protocol: url.protocol === 'https:' ? 'wss' : 'ws',
        security: [refer('securitySchemes', 'bearer'), refer('securitySchemes', 'subprotocol')],
      },
    },
    channels: { socket: describeChannel(frames) },
    operations: Object.fromEntries(frames.map((frame) => [frame.name, describeOperation(frame)])),
    components: {
      messages: Object.fromEntries(messages),
      schemas: schemas.components,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}

const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'An access token of either kind in `Authorization`; never in the URL.',
  },
  subprotocol: {
    type: 'httpApiKey',
    in: 'header',
    name: 'Sec-WebSocket-Protocol',
    description:
      'For browsers, which cannot set `Authorization`: `medallion.v1, medallion.bearer.<token>`. The server selects ' +
      '`medallion.v1` and never repeats the token.',
  },
};

function framesFromClients(types: MessageTypes): PublishedFrame[] {
  return Array.from(types, ([type, { summary, schemaOf, answer }]) => ({
    name: `client.${type}`,
    type,
    summary,
    schema: schemaOf(type),
    direction: 'receive' as const,
    answers: [...(answer === undefined ? [] : [`server.${typeOf(answer)}`]), 'server.error'],
  }));
}

/** Ours, and those that a team's own messages are answered with. */
function framesFromServer(types: MessageTypes): PublishedFrame[] {
  const given = Array.from(types.values(), ({ answer }) => answer);
  const answers = given.filter((each) => each !== undefined);
  const byType = new Map([
    ...answers.map((each) => [typeOf(each), each] as const),
    ...Object.entries(SERVER_FRAMES),
  ]);
  return Array.from(byType, ([type, schema]) => ({
    name: `server.${type}`,
    type,
    summary: schema.description,
    schema,
    direction: 'send' as const,
    answers: [],
  }));
}

function typeOf(answer: AnswerSchema): string {
  return answer.shape.type.value;
}

function describeMessage(schemas: PublishedSchemas, frame: PublishedFrame) {
  const { schema, direction, type, summary } = frame;
  const payload = schemas.add(schema, direction === 'receive' ? 'input' : 'output');
  const example = schemas.exampleOf(payload) as Record<string, unknown>;
  // A team's own fields may come without examples.
  const isWhole = ((payload.required ?? []) as string[]).every(
    (name) => example[name] !== undefined,
  );
  return {
    name: type,
    ...(summary !== undefined && { summary }),
    payload,
    ...(isWhole && { examples: [{ name: type, payload: example }] }),
  };
}

function describeChannel(frames: PublishedFrame[]) {
  return {
    address: '/ws',
    title: 'The live socket',
    messages: Object.fromEntries(frames.map(({ name }) => [name, refer('messages', name)])),
    bindings: { ws: { method: 'GET', bindingVersion: '0.1.0' } },
    'x-close-codes': [...LIBRARY_CODES, ...ourCodes()],
  };
}

/** What the library closes a socket for by itself. */
const LIBRARY_CODES = [
  { code: 1002, client: 'fix', sentence: 'Not WebSocket' },
  { code: 1007, client: 'fix', sentence: 'Text that is not UTF-8' },
  { code: 1009, client: 'fix', sentence: 'A frame larger than 16 KiB' },
];

function ourCodes() {
  return Object.entries(CLOSE_CODES).map(([reason, { code, client, sentence }]) => ({
    code,
    reason,
    client,
    sentence,
  }));
}

/** As AsyncAPI has it: what the server does. */
function describeOperation({ name, direction, summary, answers }: PublishedFrame) {
  const referToMessages = (names: string[]) =>
    names.map((each) => ({ $ref: `${CHANNEL}/messages/${each}` }));
  return {
    action: direction,
    channel: { $ref: CHANNEL },
    ...(summary !== undefined && { summary }),
    messages: referToMessages([name]),
    ...(answers.length > 0 && {
      reply: { channel: { $ref: CHANNEL }, messages: referToMessages(answers) },
    }),
  };
}

function refer(kind: 'messages' | 'securitySchemes', name: string) {
  return { $ref: `#/components/${kind}/${name}` };
}
