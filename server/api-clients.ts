import { z } from 'zod';
import { PERMISSION_PATTERN } from './permissions.ts';

const client = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{1,63}$/, 'a name has small letters, digits and dashes'),
  permissions: z.array(z.string().regex(PERMISSION_PATTERN, 'a permission is such as users:read')),
  /** While a secret is being changed both work. */
  secret_hashes: z
    .array(z.string().regex(/^sha256:[\w-]{43}$/, 'npm run api-client makes a secret and its hash'))
    .min(1)
    .max(2),
});

/** A service of the team's own, which signs in with HTTP Basic in the place of a person. */
export interface ApiClient {
  name: string;
  permissions: readonly string[];
  secretHashes: readonly string[];
}

/** `API_CLIENTS`: a JSON array, an entry for each client. */
export const apiClientsSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'must be a JSON array' });
      return z.NEVER;
    }
  })
  .pipe(z.array(client))
  .transform((clients) =>
    clients.map(({ name, permissions, secret_hashes: secretHashes }): ApiClient => ({
      name,
      permissions,
      secretHashes,
    })),
  )
  .refine(
    (clients) => new Set(clients.map(({ name }) => name)).size === clients.length,
    'must name each client once',
  );
