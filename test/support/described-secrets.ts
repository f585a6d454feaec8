import { FIELDS, kindOf, type SecretKind, type Sender } from './secret-kinds.ts';

/** Fields of the API whose names say that they hold a secret, and which hold none, or one that is found elsewhere. */
const HARMLESS_FIELDS = ['token_type', 'token_type_hint', 'qr_code_url', 'reset_password'];
const TELLING_WORD =
  /(^|_)(pass(word|phrase)?|secret|token|code|otp|pin|cookie|credential|key)s?(_|$)/;

export interface ApiDescription {
  paths: Record<string, Record<string, { requestBody?: unknown; responses?: unknown }>>;
  components: { securitySchemes: unknown };
}

/** The kinds of secrets that an API, by its OpenAPI description, takes or gives. */
export function kindsOf({ paths, components }: ApiDescription): SecretKind[] {
  const kinds = new Set<SecretKind>(['server secret']);
  const add = (part: unknown, side: Sender) => {
    for (const name of propertiesOf(part)) {
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

/** Fields of an API that hold a secret by their names, and which no kind of secret knows. */
export function unknownFields({ paths }: ApiDescription): string[] {
  const known = [...Object.keys(FIELDS), ...HARMLESS_FIELDS];
  return propertiesOf(paths).filter((name) => TELLING_WORD.test(name) && !known.includes(name));
}

function propertiesOf(schema: unknown): string[] {
  return Array.from(
    JSON.stringify(schema ?? null).matchAll(/"(\w+)":\{/g),
    ([, name = '']) => name,
  );
}
