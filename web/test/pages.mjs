// Every page, as [name, path, what is done there first].
import { ask } from './target.mjs';

export async function ready(page) {
  await page.locator('[data-page-title]').first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll('main [role=status][aria-label]').length === 0);
  await page.evaluate(() => document.fonts.ready);
}

export async function pages(page) {
  const { items: snapshots } = await ask(page, '/snapshots?limit=50');
  const newest = snapshots[0];
  const before = snapshots.find((each) => each !== newest && each.cluster === newest.cluster && each.repository === newest.repository) ?? newest;
  const { items: clusters } = await ask(page, '/clusters');
  const { items: schedules } = await ask(page, '/schedules');
  const { items: jobs } = await ask(page, '/jobs?limit=100');
  const running = jobs.find((each) => each.state === 'running');
  const done = jobs.find((each) => each.state === 'completed' && each.kind === 'backup');
  const failed = jobs.find((each) => each.state === 'failed');
  const { items: migrations } = await ask(page, '/migrations');
  const asking = migrations.find((each) => each.request);
  const open = migrations.find((each) => each.ended_at === null && each.actions.includes('cutover'));
  const blocked = migrations.find((each) => each.phase === 'blocked');
  const snapshot = `/snapshots/${newest.repository}/${newest.id}`;
  return [
    ['overview', '/'],
    ['snapshots', '/snapshots'],
    ['snapshot', snapshot],
    ['restore', snapshot, async () => {
      await page.getByRole('button', { name: /^(Restore|恢复)$/ }).click();
      await page.getByRole('dialog').getByRole('button', { name: /^(Preview|预览)$/ }).click();
      await page.getByRole('dialog').getByRole('region').waitFor();
    }],
    ['compare', `/snapshots/compare?repository=${newest.repository}&left=${before.id}&right=${newest.id}`],
    ['backup', '/snapshots', async () => {
      await page.getByRole('button', { name: /^(Back up now|立即备份)$/ }).first().click();
      await page.getByRole('dialog').waitFor();
    }],
    ['jobs', '/jobs'],
    ...(running ? [['job-running', `/jobs/${running.number}`]] : []),
    ...(done ? [['job-done', `/jobs/${done.number}`]] : []),
    ...(failed ? [['job-failed', `/jobs/${failed.number}`]] : []),
    ['schedules', '/schedules'],
    ...(schedules[0] ? [['schedule', `/schedules/${schedules[0].id}`], ['schedule-edit', `/schedules/${schedules[0].id}/edit`]] : []),
    ['migrations', '/migrations'],
    ...migrations.filter((each) => each.work).slice(0, 1).map((each) => ['migration-working', `/migrations/${each.id}`]),
    ...(asking ? [['migration-asks', `/migrations/${asking.id}`]] : []),
    ...(blocked ? [['migration-blocked', `/migrations/${blocked.id}`]] : []),
    ...(open ? [['migration-cutover', `/migrations/${open.id}`, async () => {
      await page.getByRole('button', { name: /^(Cut over|切换)$/ }).click();
      await page.getByRole('dialog').waitFor();
    }]] : []),
    ...migrations.filter((each) => each.ended_at).slice(0, 1).map((each) => ['migration-ended', `/migrations/${each.id}`]),
    ['clusters', '/clusters'],
    ['cluster', `/clusters/${clusters[0].name}`],
    ['alerts', '/alerts?show=all'],
    ['audit', '/audit'],
    ['settings', '/settings'],
    ['settings-configuration', '/settings?tab=configuration'],
    ['settings-users', '/settings?tab=users'],
    ['settings-tokens', '/settings?tab=tokens'],
  ];
}
