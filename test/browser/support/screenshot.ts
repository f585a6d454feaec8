import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

export const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 360, height: 740 };

const DIRECTORY = join(import.meta.dirname, '../../../artifacts/screenshots');
const SIZES = { wide: WIDE, narrow: NARROW };
const SCHEMES = ['light', 'dark'] as const;

/**
 * Keeps how a page looks on a desk and on a phone, by day and by night, as `<name>-<size>-<scheme>.png`. On neither may
 * anything stick out at the side. Leaves the page wide and light.
 */
export async function screenshot(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await assertNothingSticksOut(page, `${name} on a ${size} screen`);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      const path = join(DIRECTORY, `${name}-${size}-${colorScheme}.png`);
      await page.screenshot({ path, fullPage: true, animations: 'disabled' });
    }
  }
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(WIDE);
}

/** Keeps how a page looked when its test had failed. */
export async function screenshotOfFailure(page: Page, test: string): Promise<void> {
  const path = join(DIRECTORY, `failed-${test.replaceAll(/\W+/g, '-')}.png`);
  await page.screenshot({ path, fullPage: true });
}

async function assertNothingSticksOut(page: Page, where: string): Promise<void> {
  const excess = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  assert.ok(excess <= 0, `${where} is ${excess} px wider than the screen`);
}
