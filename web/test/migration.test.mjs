// A real migration, that somebody runs beside the daemon, watched and steered on the page: AERIE_URL, AERIE_USERS,
// AERIE_MIGRATION (its id); SHOTS: a folder for pictures.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ask, jobIs, launch, moveClients, open, signIn, target } from './target.mjs';

const id = process.env.AERIE_MIGRATION;
let browser;
before(async () => {
  assert.ok(id, 'AERIE_MIGRATION is not set');
  browser = await launch();
});
after(() => browser?.close());

async function as(role, run) {
  const at = await target();
  const { page, context, check } = await open(browser, at);
  const shoot = async (name) => {
    if (!process.env.SHOTS) return;
    mkdirSync(process.env.SHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`), fullPage: true });
  };
  try {
    await signIn(page, at, role);
    await page.getByRole('link', { name: 'Migrations' }).first().click();
    await page.getByRole('table', { name: 'Migrations' }).getByRole('link', { name: id }).click();
    await page.getByRole('heading', { name: `Migration ${id}` }).waitFor();
    await run(page, shoot);
    check();
  } finally {
    await context.close();
  }
}

test('an operator watches it get ready, pauses it and lets it go on, and may not move clients', async () => {
  await as('operator', async (page, shoot) => {
    await jobIs(page, 'Ready');
    await shoot('ready');
    await page.getByRole('log').getByText('auditing: succeeded').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await jobIs(page, 'Ready · Paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    assert.equal(await page.getByRole('button', { name: /^(Cut over|Abort|Complete)$/ }).count(), 0);
    const refused = await page.request.post(`${new URL(page.url()).origin}/api/v1/migrations/${id}/cutover?confirm=${id}`);
    assert.equal(refused.status(), 403);
    assert.match((await refused.json()).detail, /takes the role admin/);
  });
});

test('an admin cuts it over, approves what is done by hand, and completes it', async () => {
  await as('admin', async (page, shoot) => {
    await moveClients(page, id);
    const seen = await ask(page, `/migrations/${id}`);
    assert.equal(seen.phase, 'done');
    assert.ok(seen.last_pause_ms > 0);
    await page.getByRole('log').getByText('watching: complete -> done').waitFor();
    await shoot('completed');
  });
});
