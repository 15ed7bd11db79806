// A real browser that opens the provider's pages as people do.

import assert from 'node:assert/strict';
import { accessSync, constants } from 'node:fs';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const ACTION_MS_MAX = 20_000;
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser;

/** Starts the browser at the first use; it ends with the file's last test. */
async function started() {
  if (browser) return browser;
  const executablePath = process.env.CHROMIUM || '/usr/bin/chromium';
  try {
    accessSync(executablePath, constants.X_OK);
  } catch {
    assert.fail(
      `the pages are tested in Chromium, but there is none at ${executablePath}: ` +
        'install it (on Debian and Ubuntu: sudo apt-get install chromium), or set CHROMIUM to where it is',
    );
  }
  browser = await chromium.launch({ executablePath, args: ARGUMENTS, timeout: 30_000 });
  return browser;
}

after(() => browser?.close());

/** A browser with cookies of its own, which notes whatever its pages complain about. */
export class Person {
  constructor(context) {
    this.context = context;
    /** What was written to the console as an error, thrown, or blocked. */
    this.complaints = [];
  }

  /** @param {import('playwright-core').BrowserContextOptions} [options] */
  static async sitDown(options) {
    const context = await (await started()).newContext({ timezoneId: 'UTC', ...options });
    context.setDefaultTimeout(ACTION_MS_MAX);
    const person = new Person(context);
    context.on('console', (message) => {
      if (message.type() === 'error') person.complaints.push(`${message.location().url}: ${message.text()}`);
    });
    context.on('weberror', (error) => person.complaints.push(String(error.error())));
    context.on('requestfailed', (request) => {
      const why = request.failure()?.errorText;
      // What a page was still loading when the browser went on.
      if (why !== 'net::ERR_ABORTED') person.complaints.push(`${request.url()}: ${why}`);
    });
    context.on('dialog', (dialog) => {
      person.complaints.push(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    return person;
  }

  /** One who has logged in already, with the password that is the name. */
  static async loggedIn(provider, name) {
    const person = await Person.sitDown();
    const page = await person.open(`${provider.url}/login`);
    await logIn(page, name);
    await page.close();
    return person;
  }

  /** Opens a page in a tab of its own. */
  async open(url) {
    const page = await this.context.newPage();
    const response = await page.goto(url);
    return Object.assign(page, { opened: response });
  }

  /** Closes the browser, which must not have complained, but for what matches `expected`. */
  async leave(...expected) {
    const unexpected = this.complaints.filter((text) => !expected.some((pattern) => pattern.test(text)));
    await this.context.close();
    assert.deepEqual(unexpected, [], 'the browser complains');
  }
}

/** Logs in on a page that asks for it. */
export async function logIn(page, name, password = name) {
  await page.fill('input[name="name"]', name);
  await page.fill('input[name="password"]', password);
  await Promise.all([page.waitForEvent('load'), page.press('input[name="password"]', 'Enter')]);
}

/** Presses a button of a decision: `approve`, `deny`, or `leave` on a page with nothing left to decide. */
export async function press(page, decision) {
  await Promise.all([page.waitForEvent('load'), page.click(`button[name="decision"][value="${decision}"]`)]);
}

/** Waits until the browser is back at the app, whether by a redirect or over a page that says so. */
export async function isBack(page, { callback }) {
  await page.waitForURL((url) => url.href.startsWith(callback));
}

/** Whether the page lets one take this decision. */
export async function offers(page, decision) {
  return (await page.locator(`button[name="decision"][value="${decision}"]`).count()) > 0;
}

/** What can be read on the page, with single spaces. */
export async function text(page) {
  return (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
}
