/** Headers of answers, by the names under which they are components. */
const HEADERS = {
  'X-Request-Id': header('The id of the request, under which the log has it', {
    type: 'string',
    examples: ['3f0c5a52-1d64-4f0e-9d1b-0c1f6f6f2a11'],
  }),
  'RateLimit-Limit': header('So many requests are allowed in the window', {
    type: 'integer',
    examples: [300],
  }),
  'RateLimit-Remaining': header('So many are left of them', { type: 'integer', examples: [299] }),
  'RateLimit-Reset': header('Seconds until the window begins anew', {
    type: 'integer',
    examples: [60],
  }),
  'Retry-After': header('Seconds to wait before the request is sent again', {
    type: 'integer',
    minimum: 1,
    examples: [30],
  }),
  'WWW-Authenticate': header('How to sign in here (RFC 6750 §3, RFC 7617 §2)', {
    type: 'string',
    examples: ['Bearer realm="medallion"'],
  }),
  'Set-Cookie': header('`session_id`: HttpOnly, SameSite=Lax, in production Secure', {
    type: 'string',
    examples: ['session_id=…; Path=/api/v1; HttpOnly; SameSite=Lax'],
  }),
};

type HeaderName = keyof typeof HEADERS;

const PARAMETERS = {
  DeviceId: {
    name: 'X-Device-Id',
    in: 'header',
    description:
      'What the client knows its device by. It tells devices apart; without it the user agent does.',
    schema: { type: 'string', pattern: '^[\\w.:-]{1,128}$', examples: ['a1c2e3f4-ios'] },
  },
  RequestId: {
    name: 'X-Request-Id',
    in: 'header',
    description: 'An id of your own for the request; without it we make one.',
    schema: {
      type: 'string',
      pattern: '^[\\w.-]{8,128}$',
      examples: ['3f0c5a52-1d64-4f0e-9d1b-0c1f6f6f2a11'],
    },
  },
};

export const HEADER_COMPONENTS = { headers: HEADERS, parameters: PARAMETERS };

export const RATE_LIMIT_HEADERS: HeaderName[] = [
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
];

/** Those that the answers of a status have, whatever they are the answers of. */
export function headersOfStatus(status: number): HeaderName[] {
  if (status === 401) return ['X-Request-Id', 'WWW-Authenticate'];
  return status === 429 || status === 503 ? ['X-Request-Id', 'Retry-After'] : ['X-Request-Id'];
}

export function referToHeaders(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(
    names.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const),
  );
}

export function referToParameters(...names: (keyof typeof PARAMETERS)[]): object[] {
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function header(description: string, schema: object) {
  return { description, required: true, schema };
}
