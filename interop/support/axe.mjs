// Whether everybody can use a page.

import axe from 'axe-core';

/** What axe-core finds wrong with a page, in lines that say where. */
export async function faults(page) {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(globalThis.document, { resultTypes: ['violations'] }),
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id} ${target}: ${failureSummary}`));
}
