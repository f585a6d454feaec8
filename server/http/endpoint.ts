import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';

interface EndpointAnswer {
  description: string;
  /** By media type; without one there is no body. */
  content?: Record<string, z.ZodType>;
  /** The names of headers that this answer alone has, of those in openapi-headers.ts. */
  headers?: string[];
}

/** What is asked with GET, beside the surfaces: nothing is sent to it, and it has no rate limit. */
export interface Endpoint {
  path: string;
  tag: EndpointTag;
  summary: string;
  description?: string;
  /** By status: all but the errors. */
  answers: Record<number, EndpointAnswer>;
  errors: ErrorCode[];
  /** Whether it takes an access token, of either kind. */
  takesToken?: boolean;
}

export const ENDPOINT_TAGS = {
  Sockets: 'The live socket. What is said on it is described in `/asyncapi.json`.',
  Discovery: 'What other services and OAuth 2 clients configure themselves by.',
  Operations: 'What operators and their machines ask; no person signs in for it.',
} as const;

export type EndpointTag = keyof typeof ENDPOINT_TAGS;
