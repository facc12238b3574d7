// What the tests run against: the mock, or a daemon that somebody started.
//
//     AERIE_URL     a daemon's address; without it each test starts a mock of its own
//     AERIE_USERS   its users as JSON: {"admin": {"user", "password"}, "operator": …, "viewer": …}
//     AERIE_FIRST   the address of a second daemon without users and snapshots, for the first visit
//     AERIE_SLOW    the name of a cluster whose backups take some 20 seconds, for what is done to a running job
//     AERIE_MIGRATION  a migration that is being run, for migration.test.mjs
//     CHROMIUM      the browser's path [/usr/bin/chromium]
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from '../mock/serve.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const mockUsers = Object.fromEntries(['admin', 'operator', 'viewer'].map((name) => [name, { user: name, password: 'aerie' }]));

/** The built page: AERIE_DIST, else what scripts/build-web has or makes. */
export function dist() {
  return process.env.AERIE_DIST ?? execFileSync(join(here, '../../scripts/build-web'), ['--folder'], { encoding: 'utf8' }).trim();
}

export async function target(scenario = 'full') {
  const url = scenario === 'first' ? process.env.AERIE_FIRST : process.env.AERIE_URL;
  if (url) return { url, users: JSON.parse(process.env.AERIE_USERS ?? '{}'), slow: process.env.AERIE_SLOW, mock: false, close: () => undefined };
  if (process.env.AERIE_URL) throw new Error('AERIE_FIRST is not set: the first visit needs a daemon of its own');
  const mock = await serve(dist(), { scenario, pace: 6 });
  return { ...mock, users: mockUsers, mock: true };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** A page that counts what must not happen: violations of the policy, errors that nobody caught. */
export async function open(browser, at, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 860 }, locale: 'en-GB', timezoneId: 'Europe/Berlin', colorScheme: 'light', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
  });
  page.on('request', (request) => {
    const asked = request.url();
    if (!asked.startsWith(at.url) && !asked.startsWith('blob:')) faults.push(`another origin was asked: ${asked}`);
  });
  return { page, context, check: () => assert.deepEqual(faults, []) };
}

export async function signIn(page, at, role) {
  const { user, password } = at.users[role];
  await page.goto(at.url);
  await page.getByLabel('User', { exact: true }).fill(user);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
}

/** Something of the API as this page's user sees it. */
export async function ask(page, path) {
  const answer = await page.request.get(new URL(`/api/v1${path}`, page.url()).href);
  assert.equal(answer.status(), 200, path);
  return answer.json();
}

/** The job that the page shows, when it has come to that state. */
export async function jobIs(page, state, timeout = 180_000) {
  await page.getByRole('main').getByRole('status').filter({ hasText: state }).first().waitFor({ timeout });
}

/** Waits until a migration has come to that state, and approves what it asks on the way there. */
async function approveUntil(page, state) {
  const there = page.getByRole('main').getByRole('status').filter({ hasText: state }).first();
  const region = page.getByRole('region', { name: 'Waits for you' });
  for (;;) {
    await there.or(region).first().waitFor({ timeout: 180_000 });
    if (await there.isVisible()) return;
    const asked = region.getByRole('paragraph').first();
    const text = await asked.innerText();
    await region.getByRole('button', { name: 'Approve' }).click();
    await region.getByText(text, { exact: true }).waitFor({ state: 'detached' });
  }
}

/** Cuts a migration over and completes it, as the page lets an admin who has its page before him. */
export async function moveClients(page, id) {
  for (const [act, state] of [['Cut over', 'Watch'], ['Complete', 'Completed']]) {
    await page.getByRole('main').getByRole('button', { name: act }).click();
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByRole('button', { name: act }).isDisabled(), true, 'without its name');
    await dialog.getByLabel(`Type ${id} to confirm`).fill(id);
    await dialog.getByRole('button', { name: act }).click();
    await dialog.waitFor({ state: 'detached' });
    await approveUntil(page, state);
  }
}
