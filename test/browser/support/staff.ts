import type { TestContext } from 'node:test';
import { query } from '../../support/database.ts';
import { signUpAs, type Member } from '../../support/staff.ts';
import type { TestApp } from '../../support/app.ts';
import { openConsole, type Console } from './console.ts';
import { signInToAccount } from './sign-in.ts';

/** The console with somebody signed in, on the page that they wanted to see. */
export async function openAs(
  t: TestContext,
  app: TestApp,
  { member, path }: { member: Member; path: string },
): Promise<Console> {
  const opened = await openConsole(t, app, { path: `/#${path}` });
  await signInToAccount(opened.page, member);
  await opened.page.getByRole('button', { name: 'Sign out' }).waitFor();
  return opened;
}

/** One member of the staff for each role. */
export async function signUpStaff(
  app: TestApp,
): Promise<Record<'viewer' | 'editor' | 'admin', Member>> {
  return {
    viewer: await signUpAs(app, 'viewer'),
    editor: await signUpAs(app, 'editor'),
    admin: await signUpAs(app, 'admin'),
  };
}

/** So many riders at once, who have never signed in; numbered from 1. */
export async function insertRiders(count: number): Promise<void> {
  await query(
    `INSERT INTO users (email, username, roles, created_at)
     SELECT 'rider' || n || '@rides.example', 'rider' || n, '{rider}', now() - interval '3 days'
     FROM generate_series(1, $1::int) AS n`,
    [count],
  );
}
