import type { OutgoingHttpHeaders } from 'node:http';
import type { DescribedAnswer, DescribedOperation } from './compile-description.ts';
import type { CompiledDescription, Validate } from './compiled-description.ts';

/** A request of a test, and how a node answered it. */
export interface Exchange {
  method: string;
  /** As it was sent. */
  url: string;
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
}

/** Of `public/`, `client/` and the page of the documentation: for people, and not described. */
const PAGE_TYPES =
  /^(text\/(html|css|javascript|plain)|image\/[\w+.-]+|application\/(json|manifest\+json))$/;

const matchers = new WeakMap<DescribedOperation, RegExp>();

/** Why an answer is not as the description says; null where it is. */
export function misfitOf(description: CompiledDescription, exchange: Exchange): string | null {
  const path = exchange.url.replace(/^https?:\/\/[^/]+/i, '').split('?', 1)[0] ?? '';
  const ofPath = description.operations.filter((each) => isAt(each, path));
  const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
  const operation = ofPath.find((each) => each.method === method);
  const why =
    operation === undefined
      ? undescribed(description, exchange, ofPath)
      : compare(description, exchange, operation.answers);
  return why === null ? null : `${exchange.method} ${path} ${exchange.status}: ${why}`;
}

function isAt(operation: DescribedOperation, path: string): boolean {
  const matcher =
    matchers.get(operation) ??
    new RegExp(`^${operation.path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
  matchers.set(operation, matcher);
  return matcher.test(path);
}

/** Of a method or path that is not described: refused in the words for that, or a page for people. */
function undescribed(
  { operations, validators }: CompiledDescription,
  exchange: Exchange,
  ofPath: DescribedOperation[],
): string | null {
  const { method, status, headers, body } = exchange;
  if (method === 'OPTIONS' && status === 204 && body === '') return null;
  const type = essence(headers);
  const isPage = ofPath.length === 0 && (method === 'GET' || method === 'HEAD') && status < 400;
  if (isPage) return status >= 300 || PAGE_TYPES.test(type) ? null : `${type} is not described`;
  // A whole description of an error: the default of any operation of the same surface.
  const example = (ofPath[0] ?? operations.find(({ path }) => path === '/healthz'))?.answers
    .default;
  const described = example?.content[type];
  if (described === undefined) return `the answer to what is not described is ${type}`;
  if (![400, 403, 404, 405, 500].includes(status)) return 'what is not described is not refused so';
  if (status === 405 && headers.allow === undefined) return 'the header allow is missing';
  return fit(validators[described.validator], parse(body));
}

function compare(
  { validators }: CompiledDescription,
  { method, status, headers, body }: Exchange,
  answers: Record<string, DescribedAnswer>,
): string | null {
  const type = essence(headers);
  const own = answers[status];
  const answer = own ?? answers.default;
  if (answer === undefined) return 'the status is not described';
  const missing = answer.requiredHeaders.find((name) => headers[name.toLowerCase()] === undefined);
  if (missing !== undefined) return `the header ${missing} is missing`;
  if (Object.keys(answer.content).length === 0) return body === '' ? null : 'there is a body';
  const described = answer.content[type];
  if (described === undefined) return `the type is ${type || 'missing'}`;
  if (method === 'HEAD') return null;
  const value = type.endsWith('json') && !type.endsWith('ndjson') ? parse(body) : body;
  const why = fit(validators[described.validator], value);
  if (why !== null || described.words === undefined) return why;
  const { code, error } = value as { code?: string; error?: string };
  const word = code ?? error ?? '';
  if (!described.words.includes(word)) return `${word} is not described for this status`;
  return null;
}

function fit(validate: Validate | undefined, value: unknown): string | null {
  if (validate === undefined) return 'there is no validator';
  if (validate(value)) return null;
  // Values may be secrets.
  return (validate.errors ?? [])
    .map((each) => `${each.instancePath} ${each.message ?? ''} ${JSON.stringify(each.params)}`)
    .join(', ');
}

function essence(headers: OutgoingHttpHeaders): string {
  const [type = ''] = (headers['content-type'] ?? '').split(';', 1);
  return type.trim();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
