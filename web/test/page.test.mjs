// What operators do, in a browser. Each test starts from a page of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask, jobIs, launch, moveClients, open, signIn, target } from './target.mjs';

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** One test: a target, a page, and afterwards nothing that must not have happened. */
function flow(name, options, run) {
  // Those of the mock's own scenes are no tests of a daemon.
  if (options.mock && process.env.AERIE_URL) return;
  test(name, async () => {
    const at = await target(options.scenario);
    const { page, context, check } = await open(browser, at, options.context);
    try {
      await run(page, at);
      check();
    } finally {
      await context.close();
      at.close();
    }
  });
}

async function backUp(page, { tags = [], cluster } = {}) {
  await page.getByRole('button', { name: 'Back up now' }).first().click();
  const dialog = page.getByRole('dialog');
  if (cluster) {
    await dialog.getByRole('textbox', { name: 'Cluster' }).click();
    await page.getByRole('option', { name: cluster }).click();
  }
  for (const tag of tags) {
    await dialog.getByLabel('Tags').fill(tag);
    await page.keyboard.press('Enter');
  }
  await dialog.getByRole('button', { name: 'Start backup' }).click();
  await page.waitForURL(/\/jobs\/\d+$/);
}

async function newestSnapshot(page, query = '') {
  const { items } = await ask(page, `/snapshots?limit=1${query}`);
  return items[0];
}

describe('the first visit', () => {
  flow('leads to a first backup and a first user', { scenario: 'first' }, async (page, at) => {
    await page.goto(at.url);
    await page.getByRole('heading', { name: 'First steps' }).waitFor();
    await page.getByRole('link', { name: 'Snapshots' }).first().click();
    await page.getByText('No snapshots yet').waitFor();
    await backUp(page);
    await jobIs(page, 'Completed');
    await page.getByRole('link', { name: 'Migrations' }).first().click();
    await page.getByText('No migrations yet').waitFor();
    await page.goto(`${at.url}/settings?tab=users`);
    await page.getByRole('button', { name: 'New user' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('chief');
    await dialog.getByLabel('Password', { exact: true }).fill('a long enough password');
    await dialog.getByRole('button', { name: 'New user' }).click();
    await page.getByLabel('User', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });
});

describe('signing in', () => {
  flow('a wrong password is refused, in words', {}, async (page, at) => {
    await page.goto(at.url);
    await page.getByLabel('User', { exact: true }).fill(at.users.admin.user);
    await page.getByLabel('Password', { exact: true }).fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'User or password is wrong' }).waitFor();
    assert.equal(await page.getByLabel('Password', { exact: true }).inputValue(), '');
  });

  flow('a viewer reads, and is offered nothing that he may not', {}, async (page, at) => {
    await signIn(page, at, 'viewer');
    assert.equal(await page.getByRole('button', { name: 'Back up now' }).count(), 0);
    await page.getByRole('link', { name: 'Snapshots' }).first().click();
    await page.getByRole('table').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Actions for/ }).count(), 0);
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByText('Only admins see the audit log').waitFor();
    await page.getByRole('link', { name: 'Settings' }).click();
    assert.equal(await page.getByRole('tab', { name: 'Users' }).count(), 0);
  });

  flow('an operator backs up and restores, but deletes nothing', {}, async (page, at) => {
    await signIn(page, at, 'operator');
    await page.getByRole('button', { name: 'Back up now' }).waitFor();
    await page.getByRole('link', { name: 'Snapshots' }).first().click();
    await page.getByRole('button', { name: /^Actions for/ }).first().click();
    await page.getByRole('menuitem', { name: 'Restore …' }).waitFor();
    assert.equal(await page.getByRole('menuitem', { name: 'Delete' }).count(), 0);
  });

  flow('an admin signs out, and is out', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    await page.getByRole('link', { name: 'Audit' }).click();
    await page.getByRole('table', { name: 'Audit' }).waitFor();
    await page.getByRole('button', { name: /^Account:/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByLabel('User', { exact: true }).waitFor();
    await page.goto(`${at.url}/jobs`);
    await page.getByLabel('User', { exact: true }).waitFor();
  });
});

describe('backups', () => {
  flow('one is made and watched until it is done', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    await backUp(page, { tags: ['by-the-page'] });
    await page.getByRole('progressbar', { name: /^Progress of job/ }).waitFor();
    await jobIs(page, 'Completed');
    await page.getByRole('log').getByText('completed').waitFor();
    const snapshot = await newestSnapshot(page);
    assert.ok(snapshot.tags.includes('by-the-page'));
    assert.equal(snapshot.verified, true);
    await page.getByRole('link', { name: snapshot.id.slice(0, 8) }).click();
    await page.getByRole('heading', { name: `Snapshot ${snapshot.id.slice(0, 8)}` }).waitFor();
  });

  flow('one whose answer is lost is asked for again with the same key, the next one with another', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    const keys = [];
    await page.route('**/api/v1/jobs', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      keys.push(route.request().headers()['idempotency-key']);
      return keys.length === 1 ? route.abort() : route.continue();
    });
    await page.getByRole('button', { name: 'Back up now' }).first().click();
    const start = page.getByRole('dialog').getByRole('button', { name: 'Start backup' });
    await start.click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await start.click();
    await page.waitForURL(/\/jobs\/\d+$/);
    assert.ok(keys[0]);
    assert.equal(keys[1], keys[0]);
    await page.goto(at.url);
    await backUp(page);
    assert.equal(keys.length, 3);
    assert.notEqual(keys[2], keys[0]);
  });

  flow('one is verified', {}, async (page, at) => {
    await signIn(page, at, 'operator');
    const snapshot = await newestSnapshot(page);
    await page.goto(`${at.url}/snapshots/${snapshot.repository}/${snapshot.id}`);
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.waitForURL(/\/jobs\/\d+$/);
    await jobIs(page, 'Completed');
    assert.equal((await ask(page, `/snapshots/${snapshot.id}`)).verified, true);
  });

  flow('one is restored under another name, after a look at the plan', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    const snapshot = await newestSnapshot(page, '&complete=true');
    const { collections } = await ask(page, `/snapshots/${snapshot.id}`);
    await page.goto(`${at.url}/snapshots/${snapshot.repository}/${snapshot.id}`);
    await page.getByRole('button', { name: 'Restore' }).click();
    const dialog = page.getByRole('dialog');
    const name = `restored_${Date.now()}`;
    const first = collections[0];
    for (const each of collections.slice(1)) {
      await dialog.getByRole('checkbox', { name: each.database === 'default' ? each.name : `${each.database}.${each.name}`, exact: true }).uncheck();
    }
    await dialog.getByLabel(`New name of ${first.name}`, { exact: true }).fill(name);
    await dialog.getByRole('button', { name: 'Preview' }).click();
    await dialog.getByRole('region', { name: 'What it would do' }).getByText(name).waitFor();
    await dialog.getByRole('button', { name: 'Restore' }).click();
    await page.waitForURL(/\/jobs\/\d+$/);
    await jobIs(page, 'Completed');
    await page.goto(`${at.url}/clusters/${snapshot.cluster}`);
    const row = page.getByRole('table', { name: 'Collections' }).getByRole('row').filter({ hasText: name });
    await row.getByText(/^~ [\d.,]+ (B|[KMGT]iB)$/).waitFor();
    await page.goto(`${at.url}/clusters`);
    await page.getByRole('table', { name: 'Clusters' }).getByRole('row').filter({ hasText: snapshot.cluster }).getByText(/^~ [\d.,]+ (B|[KMGT]iB)$/).waitFor();
  });

  flow('a restore that would replace asks for the target and an admin', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    const snapshot = await newestSnapshot(page, '&complete=true');
    await page.goto(`${at.url}/snapshots/${snapshot.repository}/${snapshot.id}`);
    await page.getByRole('button', { name: 'Restore' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Suffix/).fill('');
    await dialog.getByRole('radio', { name: 'Replace it' }).check();
    await dialog.getByRole('button', { name: 'Preview' }).click();
    const name = dialog.getByLabel(/^Type .* to confirm/);
    await name.waitFor();
    assert.equal(await dialog.getByRole('button', { name: 'Restore' }).isDisabled(), true);
    await name.fill(snapshot.cluster);
    assert.equal(await dialog.getByRole('button', { name: 'Restore' }).isEnabled(), true);
    // What was planned is what is done: another choice wants another look.
    await dialog.getByRole('radio', { name: 'Stop' }).check();
    await dialog.getByRole('button', { name: 'Preview' }).waitFor();
  });

  flow('one is deleted when its name is typed, and only then', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    const { items } = await ask(page, '/snapshots?limit=100&pinned=false');
    const snapshot = items.findLast((each) => each.immutable_until === null);
    const short = snapshot.id.slice(0, 8);
    await page.goto(`${at.url}/snapshots/${snapshot.repository}/${snapshot.id}`);
    await page.getByRole('button', { name: `Actions for ${short}` }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    const button = dialog.getByRole('button', { name: 'Delete' });
    assert.equal(await button.isDisabled(), true);
    await dialog.getByLabel(`Type ${short} to confirm`).fill(short);
    await button.click();
    await page.waitForURL(/\/jobs\/\d+$/);
    await jobIs(page, 'Completed');
    const gone = await page.request.get(`${at.url}/api/v1/snapshots/${snapshot.id}`);
    assert.equal(gone.status(), 404);
  });

  flow('one is pinned and released', {}, async (page, at) => {
    await signIn(page, at, 'operator');
    const snapshot = await newestSnapshot(page, '&pinned=false');
    await page.goto(`${at.url}/snapshots/${snapshot.repository}/${snapshot.id}`);
    const acts = page.getByRole('button', { name: `Actions for ${snapshot.id.slice(0, 8)}` });
    await acts.click();
    await page.getByRole('menuitem', { name: 'Pin', exact: true }).click();
    await page.getByText('Pinned', { exact: true }).waitFor();
    await acts.click();
    await page.getByRole('menuitem', { name: 'Unpin' }).click();
    await page.getByText('Pinned', { exact: true }).waitFor({ state: 'detached' });
  });

  flow('two are compared', {}, async (page, at) => {
    await signIn(page, at, 'viewer');
    const { items } = await ask(page, '/snapshots?limit=50');
    const [newer, older] = items.filter((each) => each.cluster === items[0].cluster && each.repository === items[0].repository);
    await page.goto(`${at.url}/snapshots`);
    for (const each of [newer, older]) await page.getByRole('checkbox', { name: `Choose ${each.id.slice(0, 8)}` }).check();
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByRole('heading', { name: 'Compare snapshots' }).waitFor();
    await page.getByRole('main').getByText(/Rows after|Both have the same rows/).first().waitFor();
  });
});

describe('jobs', () => {
  flow('one is paused, resumed, cancelled, and resumed to its end', {}, async (page, at) => {
    await signIn(page, at, 'operator');
    const { items } = at.mock ? await ask(page, '/jobs?state=running') : { items: [] };
    if (items[0]) await page.goto(`${at.url}/jobs/${items[0].number}`);
    else await backUp(page, { cluster: at.slow });
    await page.getByRole('button', { name: 'Pause' }).click();
    await jobIs(page, 'Paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    await jobIs(page, 'Running');
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
    await jobIs(page, 'Cancelled');
    await page.getByRole('button', { name: 'Resume' }).click();
    await jobIs(page, 'Completed');
    assert.equal(await page.getByRole('button', { name: 'Resume' }).count(), 0);
  });

  flow('filters stay in the address', {}, async (page, at) => {
    await signIn(page, at, 'viewer');
    await page.goto(`${at.url}/jobs?kind=backup`);
    await page.getByRole('table', { name: 'Jobs' }).waitFor();
    const kinds = await page.getByRole('table', { name: 'Jobs' }).getByRole('link', { name: /#\d+$/ }).allTextContents();
    assert.ok(kinds.length > 0 && kinds.every((text) => text.startsWith('Backup')), kinds.join());
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForURL(/\/jobs$/);
  });
});

describe('schedules', () => {
  flow('one is made, with its next times as it is typed, edited, run and deleted', {}, async (page, at) => {
    await signIn(page, at, 'admin');
    const id = `test-${Date.now()}`;
    await page.goto(`${at.url}/schedules/new`);
    await page.getByLabel('Name').fill(id);
    const when = page.getByLabel('In words, or as cron');
    await when.fill('every blue moon');
    await page.getByRole('alert').waitFor();
    await when.fill('weekly on Sunday at 03:30');
    await page.getByRole('listitem').filter({ hasText: /Sun/ }).first().waitFor();
    await page.getByLabel('Daily').fill('7');
    await page.getByRole('button', { name: 'New schedule' }).click();
    await page.getByRole('heading', { name: id }).waitFor();
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByLabel('In words, or as cron').fill('daily at 04:15');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: id }).waitFor();
    await page.getByText('daily at 04:15').first().waitFor();
    const saved = await ask(page, `/schedules/${id}`);
    assert.equal(saved.rules.when, 'daily at 04:15');
    assert.equal(saved.rules.job.keep.daily, 7);
    await page.getByRole('button', { name: 'Run now' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run now' }).click();
    await page.waitForURL(/\/jobs\/\d+$/);
    await jobIs(page, 'Completed');
    await page.goto(`${at.url}/schedules/${id}`);
    await page.getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByLabel(`Type ${id} to confirm`).fill(id);
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.waitForURL(/\/schedules$/);
    assert.equal(await page.getByText(id).count(), 0);
  });
});

describe('migrations', () => {
  // A daemon's first visit is above.
  flow('without one, the page says what to do first', { scenario: 'first', mock: true }, async (page, at) => {
    await page.goto(at.url);
    await page.getByRole('link', { name: 'Migrations' }).first().click();
    await page.getByText('No migrations yet').waitFor();
    await page.getByText(/^aerie migrate plan/).waitFor();
    await page.getByText(/^aerie migrate run/).waitFor();
  });

  // A daemon has none here; what is said to a real one is in test/acceptance/migrate_page_test.py.
  flow('one is cut over and completed, each by its name', { mock: true }, async (page, at) => {
    await signIn(page, at, 'admin');
    await page.getByRole('link', { name: 'Migrations' }).first().click();
    await page.getByRole('table', { name: 'Migrations' }).getByRole('link', { name: 'm5e21c07' }).click();
    await moveClients(page, 'm5e21c07');
    assert.equal((await ask(page, '/migrations/m5e21c07')).phase, 'done');
  });

  flow('what it asks is shown, approved by an operator, and rolled back by an admin alone', { mock: true }, async (page, at) => {
    await signIn(page, at, 'operator');
    await page.goto(`${at.url}/migrations/m90b4de1`);
    await page.getByRole('region', { name: 'Waits for you' }).getByText('fence the source').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Abort' }).count(), 0);
    await page.getByRole('button', { name: 'Approve' }).click();
    await jobIs(page, 'Watch');
    assert.equal(await page.getByRole('region', { name: 'Waits for you' }).count(), 0);
    await page.getByRole('button', { name: 'Pause' }).click();
    await jobIs(page, 'Watch · Paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    assert.equal(await page.getByRole('button', { name: 'Roll back' }).count(), 0);
  });

  flow('what nobody drives says so, and is aborted', { mock: true }, async (page, at) => {
    await signIn(page, at, 'admin');
    await page.goto(`${at.url}/migrations/m2210fb8`);
    await page.getByRole('region', { name: 'No process drives it' }).waitFor();
    await page.getByText(/may not create collections/).waitFor();
    await page.getByRole('button', { name: 'Abort' }).click();
    await page.getByLabel('Type m2210fb8 to confirm').fill('m2210fb8');
    await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click();
    await jobIs(page, 'Aborted');
  });

  flow('a refusal is told where it was asked for', { mock: true }, async (page, at) => {
    await signIn(page, at, 'admin');
    await page.goto(`${at.url}/migrations/m5e21c07`);
    const refusal = { type: 'urn:aerie:problem:refused', title: 'Refused', status: 409, kind: 'refused', detail: 'migration m5e21c07: it is paused', trace_id: 'x' };
    await page.route('**/cutover?*', (route) => route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify(refusal) }));
    await page.getByRole('button', { name: 'Cut over' }).click();
    await page.getByLabel('Type m5e21c07 to confirm').fill('m5e21c07');
    await page.getByRole('dialog').getByRole('button', { name: 'Cut over' }).click();
    await page.getByRole('dialog').getByRole('alert').getByText('it is paused').waitFor();
  });

  flow('a viewer reads, and says nothing', { mock: true }, async (page, at) => {
    await signIn(page, at, 'viewer');
    await page.goto(`${at.url}/migrations/m90b4de1`);
    await page.getByRole('region', { name: 'Waits for you' }).waitFor();
    assert.equal(await page.getByRole('main').getByRole('button', { name: /^(Approve|Abort|Pause)$/ }).count(), 0);
  });
});

describe('for everybody', () => {
  flow('Chinese by the browser, English by choice', { context: { locale: 'zh-CN' } }, async (page, at) => {
    await page.goto(at.url);
    await page.getByRole('button', { name: '登录' }).waitFor();
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh-Hans');
    await page.getByRole('button', { name: '语言' }).click();
    await page.getByRole('menuitem', { name: 'English' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
  });

  flow('dark by the system, light by choice, without a flash', { context: { colorScheme: 'dark' } }, async (page, at) => {
    const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
    await page.goto(at.url, { waitUntil: 'commit' });
    await page.waitForSelector('body');
    assert.equal(await scheme(), 'dark');
    await signIn(page, at, 'viewer');
    assert.equal(await scheme(), 'dark');
    await page.getByRole('button', { name: 'Appearance' }).click();
    await page.getByRole('menuitem', { name: 'Light' }).click();
    assert.equal(await scheme(), 'light');
    await page.reload();
    assert.equal(await scheme(), 'light');
  });

  flow('a phone shows everything without scrolling sideways', { context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } }, async (page, at) => {
    await signIn(page, at, 'admin');
    for (const name of ['Snapshots', 'Jobs', 'Schedules', 'Migrations', 'Clusters', 'Alerts', 'Audit', 'Settings', 'Overview']) {
      await page.getByRole('button', { name: 'Open the menu' }).click();
      await page.getByRole('dialog').getByRole('link', { name }).click();
      await page.getByRole('heading', { name, level: 1 }).waitFor();
      await page.getByRole('status', { name: 'Loading' }).waitFor({ state: 'detached' }).catch(() => undefined);
      const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(inner <= outer, `${name}: ${inner} px in ${outer}`);
    }
  });

  flow('the keyboard leads to every page, and the heading is told', {}, async (page, at) => {
    await signIn(page, at, 'viewer');
    await page.getByRole('link', { name: 'Jobs', exact: false }).first().focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    assert.match(await page.title(), /^Jobs/);
  });

  flow('an address that is nothing says so', {}, async (page, at) => {
    await signIn(page, at, 'viewer');
    await page.goto(`${at.url}/snapshots/main/ffffffffffff`);
    await page.getByRole('alert').waitFor();
    await page.goto(`${at.url}/nowhere`);
    await page.getByText('There is nothing at this address').waitFor();
  });
});

describe('alerts', () => {
  flow('one is acknowledged', {}, async (page, at) => {
    await signIn(page, at, 'operator');
    await page.getByRole('link', { name: 'Alerts' }).first().click();
    const button = page.getByRole('button', { name: 'Acknowledge' }).first();
    await button.click();
    await page.getByText(`Acknowledged by ${at.users.operator.user}`, { exact: true }).first().waitFor();
  });
});
