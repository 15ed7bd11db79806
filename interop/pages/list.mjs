// Every page there is, one line each: all of them are tested at both widths, and photographed for the documentation.

import assert from 'node:assert/strict';

/**
 * @typedef {object} Page
 * @property {string} name of its screenshots, too
 * @property {string | ((world: import('./world.mjs').World) => string | Promise<string>)} path path or URL; asked for
 *   before each visit
 * @property {string} [as] who is logged in; nobody if left out
 * @property {number} [status] 200 if left out
 * @property {boolean} [dark] whether it is also looked at in dark colours
 * @property {(page: import('playwright-core').Page, world: import('./world.mjs').World) => Promise<void>} [form] uses the
 *   page's form; it is run in a browser without JavaScript
 */

/** @type {Page[]} */
export const PAGES = [
  { name: 'start', path: '/' },
  {
    name: 'login',
    path: '/login',
    dark: true,
    form: async (page) => {
      await page.fill('#name', 'nina');
      await page.fill('#password', 'nina');
      await page.click('main button');
      assert.equal(new URL(page.url()).pathname, '/wallet');
    },
  },
  { name: 'address', path: (world) => world.wallets.alice },
  { name: 'nowhere', path: '/wallet/nothing/here', status: 404 },
  { name: 'consent', path: (world) => world.consent(), as: 'alice', dark: true },
  { name: 'consent-no-limit', path: (world) => world.consent(null), as: 'alice' },
  { name: 'home', path: '/wallet', as: 'alice', dark: true },
  { name: 'home-empty', path: '/wallet', as: 'nina' },
  {
    name: 'account',
    path: '/wallet/account',
    as: 'alice',
    form: async (page) => {
      await page.selectOption('#numbers', 'de');
      await page.selectOption('#zone', 'Asia/Kolkata');
      await page.click('section[aria-labelledby="display"] button');
      assert.match(await page.locator('main').innerText(), /now shown your way/);
      assert.match(await page.locator('main').innerText(), /IST/);
    },
  },
  { name: 'logout', path: '/logout', as: 'alice' },
  { name: 'gallery', path: '/sandbox/gallery', dark: true },
];
