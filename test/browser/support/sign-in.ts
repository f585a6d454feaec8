import type { Locator, Page } from 'playwright-core';

/** Fills in the form that the page of a sign-in shows. */
export async function signInToAccount(
  page: Page,
  { email, password }: { email: string; password: string },
): Promise<void> {
  await page.getByLabel('E-mail address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in', exact: true }).click();
}

/** Signs in on a phone of the first page, with the code that the development outbox has. */
export async function signInOnPhone(
  phone: Locator,
  phoneNumber: string,
  role: 'Rider' | 'Driver' = 'Rider',
): Promise<void> {
  await phone.getByLabel('Phone number').fill(phoneNumber);
  await phone.getByLabel(role).check();
  await phone.getByRole('button', { name: 'Send a code' }).click();
  await phone.getByRole('button', { name: 'Use it' }).click();
  await phone.getByRole('button', { name: 'Sign in' }).click();
}
