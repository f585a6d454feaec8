import assert from 'node:assert/strict';
import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const SCHEMES = ['light', 'dark'] as const;

/** Other colours come with the next frames, and a colour on its way to another one has no contrast of its own. */
const COLOURS_SETTLED = `(async () => {
  for (const _ of [1, 2]) await new Promise((resolve) => requestAnimationFrame(resolve));
  const transitions = document.getAnimations().filter((each) => each instanceof CSSTransition);
  await Promise.allSettled(transitions.map((each) => each.finished));
})()`;

/** Asserts that axe-core finds no breach of WCAG 2.2 A or AA in the page as it is, by day and by night. */
export async function checkAccessibility(page: Page): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(COLOURS_SETTLED);
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
