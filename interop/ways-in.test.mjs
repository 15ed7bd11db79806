// How people get in, in a real browser: signing up, passkeys (with Chromium's virtual authenticator), the second step,
// recovery codes, and logging out elsewhere.

import assert from 'node:assert/strict';
import { logIn, Person, text } from './support/browser.mjs';
import { scenario } from './support/provider.mjs';

const SIGN_UP = '\n[sign_up]\nassets = ["CAD/2", "EUR/2"]\n';
const PASSWORD = 'correct horse battery';

/** Puts a device that keeps passkeys, and that its owner always agrees on, into the browser of this tab. */
async function device(page, options) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable');
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  return {
    passkeys: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials,
    give: (credential) => cdp.send('WebAuthn.addCredential', { authenticatorId, credential }),
    refuses: () => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false }),
  };
}

const path = (page) => new URL(page.url()).pathname;

/** Presses a button that leads to another page. */
const follow = (page, button) => Promise.all([page.waitForEvent('load'), button.click()]);

const button = (page, name) => page.getByRole('button', { name });

async function addPasskey(page, provider, label) {
  await page.goto(`${provider.url}/wallet/account/passkeys/new`);
  await page.fill('#label', label);
  await follow(page, button(page, 'Make a passkey'));
  assert.equal(path(page), '/wallet/account/passkeys');
  assert.match(await text(page), new RegExp(`${label}.*Not used yet`));
}

async function newCodes(page, provider) {
  await page.goto(`${provider.url}/wallet/account/codes`);
  await follow(page, button(page, 'Make new codes'));
  const codes = await page.locator('.codes code').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  return codes;
}

async function loggedOut(page, provider) {
  await page.goto(`${provider.url}/logout`);
  await follow(page, page.getByRole('main').getByRole('button', { name: 'Log out' }));
}

scenario(
  'a stranger signs up and is in',
  async (provider) => {
    const person = await Person.sitDown();
    const page = await person.open(provider.url);
    await page.getByRole('link', { name: 'Open an account' }).click();
    await page.fill('#name', 'carol');
    await page.fill('#public_name', 'Carol’s Coffee');
    await page.fill('#password', 'password123');
    await page.selectOption('#asset', 'EUR/2');
    await follow(page, button(page, 'Open the account'));
    assert.match(await text(page), /everybody tries first/);
    assert.equal(await page.inputValue('#public_name'), 'Carol’s Coffee');
    await page.fill('#password', PASSWORD);
    await page.selectOption('#asset', 'EUR/2');
    await follow(page, button(page, 'Open the account'));
    assert.equal(path(page), '/wallet');
    assert.match(await text(page), /0\.00 EUR/);
    const address = await fetch(`${provider.url}/carol`, { headers: { accept: 'application/json' } });
    assert.equal((await address.json()).publicName, 'Carol’s Coffee');
    await person.leave(/422/);
  },
  { settings: SIGN_UP },
);

scenario('a passkey is made, and is enough to log in', async (provider) => {
  await provider.account('alice');
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet`);
  const phone = await device(page);
  await addPasskey(page, provider, 'Phone');
  const [credential] = await phone.passkeys();
  assert.deepEqual([credential.rpId, credential.isResidentCredential], ['localhost', true]);

  // The same device makes no second one.
  await page.goto(`${provider.url}/wallet/account/passkeys/new`);
  await button(page, 'Make a passkey').click();
  await page.getByText('has a passkey for your account already').waitFor();

  await loggedOut(page, provider);
  await page.goto(`${provider.url}/login?to=/wallet/account/sessions`);
  await follow(page, button(page, 'Log in with a passkey'));
  assert.equal(path(page), '/wallet/account/sessions');
  assert.match(await text(page), /with a passkey/);
  await page.goto(`${provider.url}/wallet/account/passkeys`);
  assert.match(await text(page), /Phone Added: .* Last used: Today/);

  // Nothing happens when the device does not recognise its owner.
  await loggedOut(page, provider);
  await phone.refuses();
  await page.goto(`${provider.url}/login`);
  await button(page, 'Log in with a passkey').click();
  await page.getByText('Nothing was confirmed on the device').waitFor();
  assert.equal(path(page), '/login');
  await person.leave();
});

scenario('after the password a passkey or a recovery code, and nothing leads past them', async (provider) => {
  await provider.account('alice');
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet`);
  await device(page);
  await addPasskey(page, provider, 'Phone');
  const codes = await newCodes(page, provider);
  await page.goto(`${provider.url}/wallet/account/passkeys`);
  await follow(page, button(page, 'Ask for a passkey after my password'));
  assert.match(await text(page), /your password is not enough/);
  await loggedOut(page, provider);

  await page.goto(`${provider.url}/login?to=/wallet/account`);
  await logIn(page, 'alice');
  assert.match(await text(page), /One more step/);
  for (const wanted of ['/wallet', '/wallet/account', '/wallet/account/codes']) {
    const other = await person.open(`${provider.url}${wanted}`);
    assert.equal(path(other), '/login', wanted);
    await other.close();
  }
  await follow(page, button(page, 'Use your passkey'));
  assert.equal(path(page), '/wallet/account');

  // Where there is no passkey: a code, once.
  const library = await Person.sitDown();
  const there = await library.open(`${provider.url}/login`);
  for (const expected of [/One more step.*You have 10 left/, /used before.*You have 9 left/]) {
    await there.goto(`${provider.url}/login`);
    await logIn(there, 'alice');
    await there.fill('#code', codes[3].toUpperCase());
    if (expected.source.startsWith('One')) assert.match(await text(there), expected);
    await follow(there, button(there, 'Use this code'));
    if (expected.source.startsWith('used')) assert.match(await text(there), expected);
    else await loggedOut(there, provider);
  }
  await library.leave(/403/);
  await person.leave();
});

scenario('a browser is logged out from another one', async (provider) => {
  await provider.account('alice');
  const [here, there] = [await Person.loggedIn(provider, 'alice'), await Person.loggedIn(provider, 'alice')];
  const away = await there.open(`${provider.url}/wallet`);
  const page = await here.open(`${provider.url}/wallet/account/sessions`);
  assert.match(await text(page), /Chrom\w+ on Linux This browser .* From 127\.0\.0\.1/);
  await follow(page, button(page, /^Log out Chrom/));
  assert.match(await text(page), /That browser was logged out/);
  await away.reload();
  assert.equal(path(away), '/login');

  // A new password does the same for all others.
  await logIn(away, 'alice');
  assert.equal(path(away), '/wallet');
  await page.goto(`${provider.url}/wallet/account/password`);
  await page.fill('#present', 'alice');
  await page.fill('#new', PASSWORD);
  await page.fill('#again', PASSWORD);
  await follow(page, button(page, 'Change the password'));
  assert.equal(path(page), '/wallet/account');
  await away.reload();
  assert.equal(path(away), '/login');
  await logIn(away, 'alice');
  assert.match(await text(away), /do not fit together/);
  await logIn(away, 'alice', PASSWORD);
  assert.equal(path(away), '/wallet');
  await here.leave();
  await there.leave(/403/);
});

scenario('what matters needs a fresh proof, and an empty account can be closed', async (provider) => {
  await provider.account('alice', { balance: '0' });
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet/account`);
  await provider.advance('PT11M');
  await page.getByRole('link', { name: 'Close the account' }).click();
  assert.match(await text(page), /Confirm that it is you/);
  await page.fill('#password', 'alice');
  await follow(page, button(page, 'Confirm'));
  assert.equal(path(page), '/wallet/account/close');
  await page.fill('#name', 'alice');
  await follow(page, button(page, 'Close my account'));
  assert.equal(path(page), '/');
  await page.goto(`${provider.url}/login`);
  await logIn(page, 'alice');
  assert.match(await text(page), /do not fit together/);
  assert.equal((await fetch(`${provider.url}/alice`, { headers: { accept: 'application/json' } })).status, 404);
  await person.leave(/403/);
});
