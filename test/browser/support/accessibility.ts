import assert from 'node:assert/strict';
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const SCHEMES = ['light', 'dark'] as const;

/** Asserts that axe-core finds no breach of WCAG 2.2 A or AA in the page as it is, by day and by night. */
export async function checkAccessibility(page: Page): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await findBreaches(page), [], `in ${colorScheme} colours`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

async function findBreaches(page: Page): Promise<string[]> {
  // Evaluated by the debugger: the page's policy lets no script of others in, and stays as it is.
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(axe.source);
  const options = JSON.stringify({ runOnly: RULES, resultTypes: ['violations'] });
  const { violations } = await page.evaluate<AxeResults>(`axe.run(document, ${options})`);
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary = '' }) => {
      return `${id}: ${help}: ${target.join(' ')}\n${failureSummary}`;
    }),
  );
}
