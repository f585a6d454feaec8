import { FIELDS, kindOf, type SecretKind, type Sender } from './secret-kinds.ts';

/** Fields of the API whose names say that they hold a secret, and which hold none, or one that is found elsewhere. */
const HARMLESS_FIELDS = [
  'token_type',
  'token_type_hint',
  'qr_code_url',
  'reset_password',
  // Of the metadata for OAuth 2 and of the public keys.
  'token_endpoint',
  'token_endpoint_auth_methods_supported',
  'keys',
];
const TELLING_WORD =
  /(^|_)(pass(word|phrase)?|secret|token|code|otp|pin|cookie|credential|key)s?(_|$)/;

export interface ApiDescription {
  paths: Record<string, Record<string, { requestBody?: unknown; responses?: unknown }>>;
  components: { securitySchemes: unknown; schemas: Record<string, unknown> };
}

/** The kinds of secrets that an API, by its OpenAPI description, takes or gives. */
export function kindsOf({ paths, components }: ApiDescription): SecretKind[] {
  const kinds = new Set<SecretKind>(['server secret']);
  const add = (part: unknown, side: Sender) => {
    for (const name of fieldsOf(part, components)) {
      if (Object.hasOwn(FIELDS, name)) kinds.add(kindOf(name, side));
    }
  };
  for (const { requestBody, responses } of Object.values(paths).flatMap(Object.values)) {
    add(requestBody, 'client');
    add(responses, 'node');
  }
  const schemes = JSON.stringify(components.securitySchemes);
  if (schemes.includes('"cookie"')) kinds.add('session cookie');
  if (schemes.includes('"basic"')) kinds.add('API client secret');
  return [...kinds];
}

/** The routes that, by the description of the API, give a token or a cookie: `post /auth/token`. */
export function signInRoutes({ paths, components }: ApiDescription): string[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(
        ([, { responses }]) =>
          path.endsWith('/login') || fieldsOf(responses, components).includes('access_token'),
      )
      .map(([method]) => `${method} ${path}`),
  );
}

/** Fields of an API that hold a secret by their names, and which no kind of secret knows. */
export function unknownFields({ paths, components }: ApiDescription): string[] {
  const known = [...Object.keys(FIELDS), ...HARMLESS_FIELDS];
  const unknown = fieldsOf(paths, components).filter(
    (name) => TELLING_WORD.test(name) && !known.includes(name),
  );
  return [...new Set(unknown)];
}

/** The names of all fields in the schemas of a part of the description, those that it refers to included. */
export function fieldsOf(
  part: unknown,
  components: Pick<ApiDescription['components'], 'schemas'>,
): string[] {
  const names: string[] = [];
  const seen = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { $ref, properties } = value as { $ref?: unknown; properties?: object };
    if (typeof $ref === 'string' && !seen.has($ref)) {
      seen.add($ref);
      visit(components.schemas[$ref.replace('#/components/schemas/', '')]);
    }
    if (typeof properties === 'object') names.push(...Object.keys(properties));
    for (const [key, each] of Object.entries(value)) if (!NO_SCHEMAS.has(key)) visit(each);
  };
  visit(part);
  return names;
}

/** Where values stand. */
const NO_SCHEMAS = new Set(['example', 'examples', 'headers']);
