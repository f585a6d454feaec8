import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ROLES, type Role } from '../server/config.ts';
import { PERMISSIONS, type Permission } from '../server/permissions.ts';
import { startApp } from './support/app.ts';
import { GOOD_BODIES } from './support/good-bodies.ts';
import { bearer, signIn } from './support/phone.ts';
import { describedRoutes, type DescribedRoute } from './support/routes.ts';
import { makeApiClient, signUpAs } from './support/staff.ts';

interface Line {
  permission: Permission;
  /** The roles that may; all others are answered 403. */
  roles: Role[];
  /** What whoever may is answered to a good request for what does not exist. */
  status: number;
}

const READERS: Role[] = ['viewer', 'editor', 'admin'];
const WRITERS: Role[] = ['editor', 'admin'];
const ID = 'A'.repeat(22);

/** Every route of staff has a line here. */
const LINES: Record<string, Line> = {
  'get /users': { permission: 'users:read', roles: READERS, status: 200 },
  'post /users': { permission: 'users:write', roles: WRITERS, status: 409 },
  [`get /users/${ID}`]: { permission: 'users:read', roles: READERS, status: 404 },
  [`patch /users/${ID}`]: { permission: 'users:write', roles: WRITERS, status: 404 },
  [`delete /users/${ID}`]: { permission: 'users:write', roles: WRITERS, status: 404 },
  [`get /users/${ID}/sessions`]: { permission: 'sessions:read', roles: READERS, status: 404 },
  [`delete /users/${ID}/sessions`]: { permission: 'sessions:write', roles: WRITERS, status: 404 },
  [`delete /sessions/${ID}`]: { permission: 'sessions:write', roles: WRITERS, status: 404 },
  'post /revocations': { permission: 'sessions:write', roles: WRITERS, status: 404 },
  'get /realtime': { permission: 'realtime:read', roles: READERS, status: 200 },
  [`get /realtime/users/${ID}`]: { permission: 'users:read', roles: READERS, status: 404 },
  'post /realtime/events': { permission: 'realtime:write', roles: ['admin'], status: 200 },
  'get /audit-log': { permission: 'audit:read', roles: READERS, status: 200 },
};

const clients = PERMISSIONS.map((permission) => {
  const { client, env } = makeApiClient(permission.replace(':', '-'), permission);
  return { permission, client, entries: JSON.parse(env.API_CLIENTS ?? '[]') as object[] };
});
const env = { API_CLIENTS: JSON.stringify(clients.flatMap(({ entries }) => entries)) };
const app = await startApp({ env });
const routes = (await describedRoutes(app)).filter(({ path }) => path.startsWith('/api/admin/'));
const taken = { email: (await signUpAs(app, 'rider')).email };
const tokens = new Map<Role, string>();
for (const role of ROLES) tokens.set(role, (await signUpAs(app, role)).access_token);

const nameOf = ({ method, path }: DescribedRoute) => `${method} ${path.replace('/api/admin', '')}`;

async function statusOf(route: DescribedRoute, headers: { authorization?: string } = {}) {
  const good =
    route.method === 'post' && route.path.endsWith('/users') ? taken : GOOD_BODIES[route.path];
  const request = app.request[route.method](route.path).set(headers);
  return (await (route.takesBody ? request.send(good) : request)).status;
}

test('every route of staff says who may use it', () => {
  assert.deepEqual(routes.map(nameOf).sort(), Object.keys(LINES).sort());
});

for (const route of routes) {
  const line = LINES[nameOf(route)] ?? assert.fail(`no line for ${nameOf(route)}`);

  describe(nameOf(route), () => {
    test(`is for ${line.roles.join(', ')}`, async () => {
      const answered = await Promise.all(
        Array.from(tokens, async ([role, token]) => [role, await statusOf(route, bearer(token))]),
      );
      const expected = ROLES.map((role) => [role, line.roles.includes(role) ? line.status : 403]);
      assert.deepEqual(answered, expected);
    });

    test(`is for API clients with ${line.permission}`, async () => {
      const answered = await Promise.all(
        clients.map(async ({ permission, client }) => [
          permission,
          await statusOf(route, client.header),
        ]),
      );
      const expected = PERMISSIONS.map((permission) => [
        permission,
        permission === line.permission ? line.status : 403,
      ]);
      assert.deepEqual(answered, expected);
    });

    test('is for nobody else', async () => {
      const phone = await signIn(app);
      assert.equal(await statusOf(route), 401);
      assert.equal(await statusOf(route, bearer(phone.access_token)), 401);
      assert.equal(await statusOf(route, bearer(phone.refresh_token)), 401);
    });
  });
}
