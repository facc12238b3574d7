// Pictures of every page: SHOTS=FOLDER node test/shots.mjs [light|dark|phone|chinese …]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pages, ready } from './pages.mjs';
import { launch, open, target } from './target.mjs';

const folder = process.env.SHOTS ?? 'shots';
const kinds = {
  light: {},
  dark: { colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  chinese: { locale: 'zh-CN' },
};
const wanted = process.argv.slice(2).length > 0 ? process.argv.slice(2) : Object.keys(kinds);

const browser = await launch();
for (const kind of wanted) {
  mkdirSync(join(folder, kind), { recursive: true });
  const shoot = (page, name) => page.screenshot({ path: join(folder, kind, `${name}.png`), fullPage: kind !== 'phone' || !/restore|backup|cutover/.test(name) });
  const first = await target('first').catch(() => null);
  if (first) {
    const { page, context } = await open(browser, first, kinds[kind]);
    await page.goto(first.url);
    await ready(page);
    await shoot(page, 'first-visit');
    await page.goto(`${first.url}/snapshots`);
    await ready(page);
    await shoot(page, 'snapshots-empty');
    await page.goto(`${first.url}/migrations`);
    await ready(page);
    await shoot(page, 'migrations-empty');
    await context.close();
    first.close();
  }
  const at = await target();
  const { page, context } = await open(browser, at, kinds[kind]);
  await page.goto(at.url);
  await page.locator('input').first().waitFor();
  await shoot(page, 'sign-in');
  // Signing in by the API: the words of the form are those of the language.
  await page.request.post(`${at.url}/api/v1/session`, { data: at.users.admin });
  for (const [name, path, act] of await pages(page)) {
    await page.goto(`${at.url}${path}`);
    await ready(page);
    if (act) await act(page);
    await page.waitForTimeout(350); // pictures only: charts and overlays come to rest
    await shoot(page, name);
  }
  await context.close();
  at.close();
}
await browser.close();
