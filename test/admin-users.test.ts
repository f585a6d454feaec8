import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { newAccount } from './support/accounts.ts';
import { startApp } from './support/app.ts';
import { query } from './support/database.ts';
import { bearer, newPhoneNumber, signIn } from './support/phone.ts';
import { assertProblem } from './support/problem.ts';
import { signUpAs } from './support/staff.ts';

interface AdminUser {
  id: number;
  email: string | null;
}

interface UserList {
  users: AdminUser[];
  next_cursor: string | null;
}

const app = await startApp();
const viewer = await signUpAs(app, 'viewer');

const get = (path: string) => app.request.get(`/api/admin${path}`).set(bearer(viewer.access_token));

async function list(parameters: Record<string, string> = {}): Promise<UserList> {
  const search = new URLSearchParams(parameters).toString();
  return (await get(`/users?${search}`).expect(200)).body as UserList;
}

const idsOf = ({ users }: UserList) => users.map(({ id }) => id);

describe('one user', () => {
  test('is shown whole, without a secret', async () => {
    const phoneNumber = newPhoneNumber();
    const { user } = await signIn(app, { phoneNumber, role: 'driver' });
    const { body } = (await get(`/users/${user.id}`).expect(200)) as { body: AdminUser };
    assert.deepEqual(body, {
      id: user.id,
      phone_number: phoneNumber,
      email: null,
      username: null,
      roles: ['driver'],
      is_active: true,
      suspended_until: null,
      email_verified: false,
      totp_enabled: false,
      created_at: (body as unknown as { created_at: string }).created_at,
      last_login: (body as unknown as { last_login: string }).last_login,
    });
  });

  test('that does not exist is not found, whatever the id', async () => {
    for (const id of [
      '2000000000',
      '04',
      '+4',
      '0',
      '-1',
      '1.5',
      '1e3x',
      '99999999999999999999',
      'me',
      '%00',
    ]) {
      const answer = await get(`/users/${id}`);
      assertProblem(answer, { status: 404, code: 'not_found' });
    }
  });
});

describe('the list of users', () => {
  test('comes in pages, the newest first, each user once', async () => {
    for (let count = 0; count < 5; count += 1) await signUpAs(app, 'rider');
    const seen: number[] = [];
    let cursor: string | null = null;
    do {
      const page: UserList = await list({ limit: '2', ...(cursor !== null && { cursor }) });
      assert.ok(page.users.length <= 2);
      seen.push(...idsOf(page));
      cursor = page.next_cursor;
    } while (cursor !== null);
    const all = await query<{ id: number }>('SELECT id FROM users ORDER BY id DESC');
    assert.deepEqual(
      seen,
      all.map(({ id }) => id),
    );
  });

  test('finds by a part of the number, the address and the name, in any case', async () => {
    const phoneNumber = newPhoneNumber();
    const account = newAccount();
    const email = `Anna.${account.email}`;
    const { user } = await signIn(app, { phoneNumber });
    await query('UPDATE users SET email = $2, username = $3 WHERE id = $1', [
      user.id,
      email,
      `Ädna_${account.username}`,
    ]);
    for (const q of [
      phoneNumber,
      phoneNumber.slice(-7),
      email.toUpperCase(),
      `anna.${account.username}`,
      `ädna_${account.username}`,
      `${account.username}@EXAMPLE`,
    ]) {
      assert.deepEqual(idsOf(await list({ q })), [user.id], q);
    }
    for (const q of ['%%%', '___', '\\\\\\', `${account.username}_example`, "' OR 1=1"]) {
      assert.deepEqual(idsOf(await list({ q })), [], q);
    }
  });

  test('is filtered by role and by whether the account is active', async () => {
    const editor = await signUpAs(app, 'editor', 'driver');
    assert.deepEqual(idsOf(await list({ role: 'editor' })), [editor.userId]);
    assert.ok(idsOf(await list({ role: 'driver' })).includes(editor.userId));
    await query('UPDATE users SET is_active = false WHERE id = $1', [editor.userId]);
    assert.deepEqual(idsOf(await list({ is_active: 'false' })), [editor.userId]);
    assert.ok(!idsOf(await list({ is_active: 'true' })).includes(editor.userId));
    assert.deepEqual(idsOf(await list({ role: 'editor', is_active: 'true' })), []);
  });

  test('refuses what it does not know', async () => {
    for (const search of [
      'q=ab',
      'q=a%00bc',
      'q=abc&q=def',
      'role=king',
      'is_active=perhaps',
      'limit=0',
      'limit=0x10',
      'limit=1e2',
      'is_active=TRUE',
      'limit=201',
      'cursor=x',
      'cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwLjAwMFoiLCI5OTk5OTk5OTk5Il0',
      'sort=id',
    ]) {
      const { status } = await get(`/users?${search}`);
      assert.equal(status, 400, search);
    }
  });
});
