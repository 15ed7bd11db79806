// The demo's app in a real browser: from asking for a mandate to the limit, with the wallet's word always the last.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { small } from './pages/png.mjs';
import { faults } from './support/axe.mjs';
import { logIn, Person, press, text } from './support/browser.mjs';

const PATIENCE_MS = 180_000;
const SCREENSHOTS = fileURLToPath(new URL('../docs/screenshots/', import.meta.url));

/** Runs the demo until the body is done: it decides its own story by itself, and stays up. */
async function demo(body) {
  assert.ok(process.env.BURSAR_BIN, 'set BURSAR_BIN to the program');
  const words = ['demo', '--yes', '--json', '--listen', '127.0.0.1:0', '--platform', '127.0.0.1:0'];
  const child = spawn(process.env.BURSAR_BIN, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } });
  const ended = new Promise((resolve) => {
    child.on('close', resolve);
  });
  let told = '';
  child.stderr.setEncoding('utf8').on('data', (part) => (told += part));
  try {
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([new Promise((resolve) => lines.once('line', resolve)), ended.then(() => undefined)]);
    assert.ok(line, `the demo told nothing:\n${told}`);
    const { good, provider, platform } = JSON.parse(line);
    assert.ok(good, told);
    assert.ok(told.includes(platform), 'the story names the page');
    await body({ provider, platform });
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

/** Waits until the stream's state reads like this. */
const reads = (page, pattern) => page.locator('#status').filter({ hasText: pattern }).waitFor();

/** A photograph for the README, if that is what the test is run for. */
async function photograph(page, width) {
  if (!process.env.BURSAR_SCREENSHOTS) return;
  await page.setViewportSize({ width, height: 1000 });
  await writeFile(`${SCREENSHOTS}platform-${width}.png`, small(await page.screenshot()));
}

/** How many pixels of the page lie beyond its right edge. */
const beyond = (page) => page.evaluate(() => globalThis.document.documentElement.scrollWidth - globalThis.innerWidth);

/** Nothing is wrong with the page at either width, in either colours. */
async function isSound(page) {
  for (const [width, colorScheme] of [[390, 'dark'], [390, 'light'], [1280, 'dark'], [1280, 'light']]) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await faults(page), [], `${width} ${colorScheme}`);
    assert.ok((await beyond(page)) <= 0, `it scrolls sideways at ${width}`);
  }
}

/** Asks for a mandate, logs in where that is needed, and allows this much of it. */
async function ask(page, { amount, interval, allowed }) {
  const form = page.locator('form[action="/ask"]');
  if (!(await form.isVisible())) await page.click('.ask > summary');
  await page.fill('input[name="amount"]', amount);
  await page.selectOption('select[name="interval"]', interval);
  await page.click('form[action="/ask"] button');
  await page.waitForURL(/\/auth\/interact\//);
  if (await page.locator('input[name="password"]').count()) await logIn(page, 'user', 'demo');
  if (allowed) {
    await page.click('.less > summary');
    await page.fill('input[name="amount-0"]', allowed);
    await page.locator('.limit strong', { hasText: `${allowed} CAD` }).first().waitFor();
  }
  await press(page, 'approve');
  await page.locator('#budget-title').waitFor();
}

async function pay(page, size, pace = 'fast') {
  await page.fill('input[name="size"]', size);
  await page.selectOption('select[name="pace"]', pace);
  await Promise.all([page.waitForEvent('load'), page.click('form[action="/start"] button')]);
}

test('the demo’s app', { timeout: PATIENCE_MS }, () =>
  demo(async ({ provider, platform }) => {
    const person = await Person.sitDown({ viewport: { width: 1280, height: 900 } });
    const page = await person.open(platform);
    await isSound(page);

    // Less is allowed than was asked, and the app goes by that.
    await ask(page, { amount: '10.00', interval: 'day', allowed: '1.00' });
    assert.equal(new URL(page.url()).origin, platform);
    assert.equal(await page.locator('#limit').innerText(), '1.00 CAD');
    assert.match(await text(page), /You have a mandate/);

    // Until the limit, and not a cent more.
    await pay(page, '0.15');
    await reads(page, /The limit is reached/);
    await page.locator('#spent', { hasText: '0.90 CAD' }).waitFor();
    assert.equal(await page.locator('#left').innerText(), '0.10 CAD');
    assert.equal(await page.locator('.chart .paid').count(), 6);
    assert.equal(await page.locator('.chart .refused').count(), 1);
    assert.match(await page.locator('#payments').innerText(), /403 limit_exceeded/);
    await photograph(page, 390);
    await photograph(page, 1280);
    await isSound(page);

    // Everything that went over the wire can be seen, but for the secrets.
    const wire = (await page.locator('#exchanges').textContent()).replaceAll(/\s+/g, ' ');
    for (const expected of ['/op/outgoing-payments', 'signature-input: sig1=', 'content-digest: sha-512=', 'limit_exceeded', '"interact_ref":"']) {
      assert.ok(wire.includes(expected), expected);
    }
    for (const [, secret] of wire.matchAll(/(?:authorization: GNAP |"interact_ref":"|"nonce":"|"finish":")([^"\s]+)/g)) {
      assert.match(secret, /^.{0,4}…$/);
    }
    await page.locator('.exchange summary').last().click();
    assert.ok(await page.locator('.exchange pre').last().isVisible());

    // A smaller payment still fits, and is made at once. Slowly, so that the limit is far while the wallet is visited.
    await pay(page, '0.01', 'slow');
    await reads(page, /^Paying/);

    // The account holder has the last word: paused, resumed, ended.
    const id = wire.match(/POST http:\/\/localhost:\d+\/auth\/continue\/([0-9a-f-]+)/)[1];
    const wallet = await person.open(`${provider}/wallet/apps/${id}`);
    const act = async (what) => {
      await wallet.bringToFront();
      await wallet.goto(`${provider}/wallet/apps/${id}/${what}`);
      await Promise.all([wallet.waitForEvent('load'), wallet.click('main form button')]);
      await page.bringToFront();
    };
    await act('pause');
    await reads(page, /You paused this/);
    await act('resume');
    await page.locator('#status').filter({ hasText: /Paying|limit is reached/ }).waitFor();
    await act('pause');
    await Promise.all([page.waitForEvent('load'), page.click('form[action="/stop"] button')]);
    await reads(page, /Nothing is being paid/);
    await wallet.close();

    // Given back, it is gone on both sides.
    await Promise.all([page.waitForEvent('load'), page.click('form[action="/give-back"] button')]);
    assert.match(await text(page), /given back/);
    await person.leave();
  }),
);

test('the demo’s app without scripts, and with visitors who should not', { timeout: PATIENCE_MS }, () =>
  demo(async ({ platform }) => {
    const person = await Person.sitDown({ javaScriptEnabled: false });
    const page = await person.open(platform);
    await ask(page, { amount: '0.02', interval: 'once' });
    await pay(page, '0.01');
    // The page reloads itself.
    await reads(page, /All of it is spent/);

    // Another browser has a state of its own.
    const stranger = await Person.sitDown();
    const other = await stranger.open(platform);
    assert.equal(await other.locator('#budget-title').count(), 0);
    assert.equal(await other.locator('.exchange').count(), 0);

    // A form without the page's token, from whatever site, does nothing.
    const cookies = (await person.context.cookies(platform)).map(({ name, value }) => `${name}=${value}`).join('; ');
    const forged = await fetch(`${platform}/give-back`, {
      method: 'POST', redirect: 'manual', body: new URLSearchParams({ token: 'guessed' }), headers: { cookie: cookies },
    });
    assert.equal(forged.status, 303);
    await page.reload();
    assert.equal(await page.locator('#limit').innerText(), '0.02 CAD');

    // An answer of the provider that was made up changes nothing.
    await page.goto(`${platform}/callback?hash=made-up&interact_ref=made-up`);
    assert.equal(await page.locator('#limit').innerText(), '0.02 CAD');
    await person.leave();
    await stranger.leave();
  }),
);
