// No page has a fault that axe-core finds, in light and dark, in both languages.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { pages, ready } from './pages.mjs';
import { launch, open, signIn, target } from './target.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

async function audit(page, name) {
  // Through the debugger, since the policy lets no foreign script in.
  await page.evaluate(`${axe}; undefined`);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const lines = found.violations.flatMap((each) => each.nodes.slice(0, 3).map((node) => `${name}: ${each.id}: ${node.target.join(' ')}: ${node.failureSummary?.split('\n')[1]?.trim() ?? ''}`));
  return lines;
}

for (const scheme of ['light', 'dark']) {
  test(`every page, ${scheme}`, async () => {
    const at = await target();
    const { page, context } = await open(browser, at, { colorScheme: scheme });
    try {
      await page.goto(at.url);
      await page.getByLabel('User', { exact: true }).waitFor();
      const faults = await audit(page, 'sign-in');
      await signIn(page, at, 'admin');
      for (const [name, path, act] of await pages(page)) {
        await page.goto(`${at.url}${path}`);
        await ready(page);
        if (act) await act(page);
        faults.push(...(await audit(page, name)));
      }
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
      at.close();
    }
  });
}
