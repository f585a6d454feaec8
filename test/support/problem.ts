import assert from 'node:assert/strict';
import type { Response } from 'supertest';

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  request_id: string;
  errors?: { path: string; message: string }[];
}

const FIELDS = ['type', 'title', 'status', 'detail', 'code', 'request_id'];

/** Checks that an answer is a whole problem document (RFC 9457) of this status and code, and gives it. */
export function assertProblem(
  response: Response,
  expected: { status: number; code: string; detail?: string },
): Problem {
  const problem = response.body as Problem;
  const seen = { status: response.status, code: problem.code, detail: problem.detail };
  assert.deepEqual(seen, { ...seen, ...expected });
  assert.match(response.get('content-type') ?? '', /^application\/problem\+json/);
  const { errors, ...rest } = problem;
  assert.deepEqual(Object.keys(rest).sort(), FIELDS.toSorted());
  assert.equal(problem.type, `urn:medallion:error:${expected.code}`);
  assert.equal(problem.status, expected.status);
  assert.ok(problem.title !== '' && problem.detail !== '');
  assert.equal(problem.request_id, response.get('x-request-id'));
  if (errors !== undefined) assertIssues(errors);
  if (expected.status === 401) assert.match(response.get('www-authenticate') ?? '', /^Bearer/);
  if ([429, 503].includes(expected.status)) {
    assert.match(response.get('retry-after') ?? '', /^[1-9]\d*$/);
  }
  return problem;
}

function assertIssues(errors: unknown): void {
  assert.ok(Array.isArray(errors) && errors.length > 0);
  for (const issue of errors as unknown[]) {
    assert.ok(typeof issue === 'object' && issue !== null);
    assert.deepEqual(Object.keys(issue).sort(), ['message', 'path']);
  }
}

/** The seconds of `Retry-After`. */
export function retryAfter(response: Response): number {
  return Number(response.get('retry-after'));
}
