import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../errors.ts';

/** The body of every error but those of OAuth 2 (RFC 9457 §3.1). */
export const problemSchema = z
  .object({
    type: z.string().describe('urn:medallion:error:<code>'),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('For people'),
    code: z
      .enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])
      .describe('For programs; docs/errors.md says what to do about each'),
    request_id: z.string().describe('Under which the log has it'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('What is wrong with the input, field by field'),
  })
  .meta({ id: 'Problem', description: 'An error (RFC 9457)' });
