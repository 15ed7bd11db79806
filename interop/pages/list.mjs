// Every page there is, one line each: all of them are tested at both widths, and photographed for the documentation.

import assert from 'node:assert/strict';
import { idOf } from './world.mjs';

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
  {
    name: 'signup',
    path: '/signup',
    form: async (page) => {
      await page.fill('#name', 'a-newcomer');
      await page.fill('#password', 'correct horse battery');
      await page.click('main button');
      assert.equal(new URL(page.url()).pathname, '/wallet');
    },
  },
  { name: 'recover', path: '/login/recover' },
  { name: 'address', path: (world) => world.wallets.alice },
  { name: 'nowhere', path: '/wallet/nothing/here', status: 404 },
  { name: 'consent', path: (world) => world.consent(), as: 'alice', dark: true },
  {
    name: 'consent-no-limit',
    path: (world) => world.consent(null),
    as: 'alice',
    form: async (page) => {
      await page.click('.less > summary');
      await page.fill('input[name="amount-1"]', '5');
      await page.click('button[value="preview"]');
      assert.match(await page.locator('.limit').innerText(), /5\.00 CAD/);
      assert.equal(await page.locator('input[name="no-limit"]').count(), 0);
    },
  },
  {
    name: 'consent-less',
    path: async (world) => `${await world.consent()}?amount-1=25&windows-1=2`,
    as: 'alice',
    form: async (page) => {
      assert.match(await page.locator('main').innerText(), /Less than was asked: up to 100\.00 CAD each month/);
      await page.fill('input[name="amount-1"]', '30');
      await page.click('button[value="preview"]');
      assert.match(await page.locator('.limit').innerText(), /30\.00 CAD/);
      assert.equal(await page.locator('input[name="windows-1"]').inputValue(), '2');
    },
  },
  {
    name: 'consent-wrong',
    path: async (world) => `${await world.consent()}?amount-1=1000&until-1=2060-06-21`,
    as: 'alice',
    status: 422,
  },
  { name: 'consent-subject', path: (world) => world.subject(), as: 'alice' },
  {
    name: 'apps',
    path: '/wallet/apps',
    as: 'alice',
    dark: true,
    form: async (page) => {
      await page.fill('input[name="q"]', 'nightly');
      await page.click('form[role="search"] button');
      assert.equal(await page.locator('article').count(), 1);
    },
  },
  { name: 'apps-empty', path: '/wallet/apps', as: 'nina' },
  {
    name: 'app',
    path: (world) => `/wallet/apps/${world.grants.platform}`,
    as: 'alice',
    dark: true,
    form: async (page) => {
      for (const [link, told] of [['Pause', /can pay nothing until you resume it/], ['Resume', /this app can pay again/]]) {
        await page.click(`.page-head a:text-is("${link}")`);
        await page.click('main form button');
        assert.match(await page.locator('[role="status"]').innerText(), told);
      }
    },
  },
  { name: 'app-no-limit', path: (world) => `/wallet/apps/${world.grants.odd}`, as: 'alice' },
  { name: 'app-pause', path: (world) => `/wallet/apps/${world.grants.news}/pause`, as: 'alice' },
  { name: 'app-revoke', path: (world) => `/wallet/apps/${world.grants.odd}/revoke`, as: 'alice' },
  {
    name: 'app-lower',
    path: (world) => `/wallet/apps/${world.grants.news}/lower`,
    as: 'alice',
    form: async (page) => {
      await page.fill('input[name="amount-0"]', '15');
      await page.click('main form button');
      assert.match(await page.locator('main').innerText(), /Now: Up to 20\.00 CAD/);
      await page.click('main form button');
      assert.match(await page.locator('main').innerText(), /Up to\s+15\.00 CAD/);
    },
  },
  {
    name: 'app-lower-confirm',
    path: (world) => `/wallet/apps/${world.grants.platform}/lower/confirm?amount-1=100&windows-1=3`,
    as: 'alice',
  },
  { name: 'home', path: '/wallet', as: 'alice', dark: true },
  { name: 'home-empty', path: '/wallet', as: 'nina' },
  {
    name: 'payments',
    path: '/wallet/payments',
    as: 'alice',
    dark: true,
    form: async (page) => {
      await page.fill('input[name="q"]', 'beans coffee');
      await page.click('form[role="search"] button');
      assert.equal(await page.locator('.row').count(), 3);
      assert.match(await page.locator('main').innerText(), /Coffee beans, week 1/);
    },
  },
  { name: 'payments-older', path: (world) => `/wallet/payments?older=${idOf(world.sent[4])}`, as: 'alice' },
  { name: 'payments-search', path: '/wallet/payments?side=out&q=lunch&least=30&from=2060-05-20&to=2060-05-31', as: 'alice' },
  { name: 'payments-mistake', path: '/wallet/payments?from=soon&least=much', as: 'alice', status: 422 },
  { name: 'payments-empty', path: '/wallet/payments', as: 'nina' },
  { name: 'payment', path: (world) => `/wallet/payments/${idOf(world.sent[0])}`, as: 'alice' },
  { name: 'payment-exchanged', path: (world) => `/wallet/payments/${idOf(world.sent[1])}`, as: 'alice', dark: true },
  { name: 'payment-hostile', path: (world) => `/wallet/payments/${idOf(world.sent[10])}`, as: 'alice' },
  { name: 'payment-received', path: (world) => `/wallet/payments/${idOf(world.received[0])}`, as: 'alice' },
  { name: 'payment-of-others', path: (world) => `/wallet/payments/${idOf(world.sent[0])}`, as: 'nina', status: 404 },
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
  { name: 'account-confirm', path: '/wallet/account/confirm?to=/wallet/account/close', as: 'alice' },
  { name: 'account-password', path: '/wallet/account/password', as: 'alice' },
  { name: 'account-passkeys', path: '/wallet/account/passkeys', as: 'alice' },
  { name: 'account-passkey-new', path: '/wallet/account/passkeys/new', as: 'alice' },
  {
    name: 'account-codes',
    path: '/wallet/account/codes',
    as: 'carol',
    form: async (page) => {
      await page.click('main form button');
      assert.equal(await page.locator('.codes code').count(), 10);
    },
  },
  {
    name: 'account-sessions',
    path: '/wallet/account/sessions',
    as: 'dave',
    form: async (page) => assert.match(await page.locator('main').innerText(), /This browser/),
  },
  { name: 'account-identities', path: '/wallet/account/identities', as: 'alice' },
  { name: 'account-close', path: '/wallet/account/close', as: 'alice' },
  { name: 'account-close-empty', path: '/wallet/account/close', as: 'nina', dark: true },
  {
    name: 'send',
    path: '/wallet/send',
    as: 'alice',
    refuses: true,
    dark: true,
    form: async (page, world) => {
      await page.fill('#to', `${world.provider.url}/nobody`);
      await page.fill('#amount', '5');
      await page.click('main button');
      assert.match(await page.locator('#to-error').innerText(), /Nobody has this address/);
      await page.fill('#to', world.wallets.carol);
      await page.click('main button');
      assert.match(await page.locator('h1').innerText(), /Send this\?/);
    },
  },
  { name: 'send-asked', path: async (world) => `/wallet/send?to=${encodeURIComponent(await world.link(world.openRequest))}`, as: 'carol' },
  {
    name: 'sending',
    path: (world) => world.quote(world.alice, '$localhost/dave', '25', { note: 'Lunch' }),
    as: 'alice',
    dark: true,
    form: async (page) => {
      await page.click('main form button');
      assert.equal(await page.locator('h1').innerText(), 'Sent');
    },
  },
  { name: 'sent', path: (world) => world.sentQuote, as: 'alice' },
  {
    name: 'requests',
    path: '/wallet/request',
    as: 'alice',
    refuses: true,
    form: async (page) => {
      await page.fill('#amount', '5,00,0');
      await page.click('main button');
      assert.match(await page.locator('#amount-error').innerText(), /such as/);
      await page.fill('#amount', '5');
      await page.click('main button');
      assert.match(await page.locator('main').innerText(), /The request is ready/);
    },
  },
  { name: 'request', path: (world) => world.openRequest, as: 'alice', dark: true },
  { name: 'request-paid', path: (world) => world.paidRequest, as: 'alice' },
  { name: 'request-close', path: (world) => `${world.openRequest}/close`, as: 'alice' },
  { name: 'pay', path: (world) => world.link(world.openRequest), dark: true },
  { name: 'pay-closed', path: (world) => `/op/incoming-payments/${world.closedRequest.split('/').at(-1)}` },
  { name: 'pay-app', path: async (world) => (await world.platform.incoming(world.wallets.carol)).id },
  { name: 'addresses', path: '/wallet/addresses', as: 'alice', dark: true },
  {
    name: 'address-new',
    refuses: true,
    path: '/wallet/addresses/new',
    as: 'bernadette-von-und-zu-hohenstein',
    form: async (page) => {
      await page.fill('#name', 'admin');
      await page.click('main button');
      assert.match(await page.locator('#name-error').innerText(), /a word that we need for ourselves/);
      await page.fill('#name', 'hohenstein');
      await page.click('main button');
      assert.match(await page.locator('main').innerText(), /can be paid at once/);
    },
  },
  { name: 'address-own', path: (world) => world.shop, as: 'alice' },
  { name: 'address-deactivated', path: (world) => world.former, as: 'alice' },
  { name: 'address-deactivate', path: (world) => `${world.shop}/deactivate`, as: 'alice' },
  {
    name: 'keys',
    refuses: true,
    path: (world) => `${world.shop}/keys`,
    as: 'alice',
    dark: true,
    form: async (page) => {
      await page.fill('#key', '{"d":"private"}');
      await page.click('main button');
      assert.match(await page.locator('[role="alert"]').innerText(), /That was a private key/);
    },
  },
  { name: 'key-new', path: (world) => `${world.shop}/keys/new`, as: 'alice' },
  { name: 'logout', path: '/logout', as: 'alice' },
  { name: 'gallery', path: '/sandbox/gallery', dark: true },
];
