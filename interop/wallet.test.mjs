// What people do in their wallet, in a real browser: send and request money, look after addresses and developer keys.

import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { access, RawClient, refused, succeeded } from './support/clients.mjs';
import { logIn, Person, text } from './support/browser.mjs';
import { send } from './support/http.mjs';
import { scenario } from './support/provider.mjs';

const NEW_KEYS = () => generateKeyPairSync('ed25519');

async function world(provider) {
  const wallet = async (name, rest) => (await provider.account(name, rest)).walletAddress;
  const alice = await wallet('alice', { publicName: 'Alice' });
  const bob = await wallet('bob', { publicName: 'Bob' });
  const dave = await wallet('dave', { publicName: 'Dave', assetCode: 'USD', balance: '0' });
  return { alice, bob, dave, balance: (name) => provider.balance(name) };
}

/** Fills the form in and presses its button. */
async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) await page.fill(`#${name}`, value);
  await Promise.all([page.waitForEvent('load'), page.click('main form button.primary')]);
}

scenario('sending money, in whatever way the button is pressed', async (provider, row) => {
  const { alice, bob, dave, balance } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet/send`);

  await row('the price is shown, and confirmed by a double click', async () => {
    await page.fill('#to', bob);
    await page.fill('#amount', '12.50');
    await page.fill('#note', 'Lunch <b>');
    await fill(page, {});
    const read = await text(page);
    for (const told of ['Send this?', '12.50 CAD', 'Bob', 'Lunch <b>']) assert.ok(read.includes(told), `${told}:\n${read}`);
    await Promise.all([page.waitForURL(/\/wallet\/send\/[0-9a-f-]+$/), page.dblclick('main form button')]);
    await page.waitForSelector('h1:text("Sent")');
    assert.deepEqual([await balance('alice'), await balance('bob')], [48750, 51250]);
  });

  await row('the back button pays nothing again', async () => {
    await page.goBack();
    await page.goForward();
    await page.reload();
    assert.equal(await page.locator('h1').innerText(), 'Sent');
    assert.equal(await balance('bob'), 51250);
  });

  await row('two tabs with one price pay once', async () => {
    await page.goto(`${provider.url}/wallet/send`);
    await fill(page, { to: dave, amount: '12.50' });
    const read = await text(page);
    assert.ok(read.includes('10.00 USD') && read.includes('1 CAD = 0.8 USD'), read);
    const other = await person.open(page.url());
    await Promise.all([page.waitForEvent('load'), page.click('main form button')]);
    await Promise.all([other.waitForEvent('load'), other.click('main form button')]);
    for (const tab of [page, other]) assert.equal(await tab.locator('h1').innerText(), 'Sent');
    assert.deepEqual([await balance('alice'), await balance('dave')], [47500, 1000]);
    await other.close();
  });

  await row('a price that is over is asked for again', async () => {
    await page.goto(`${provider.url}/wallet/send`);
    await fill(page, { to: bob, amount: '1', note: 'Tea' });
    await provider.advance('PT6M');
    await Promise.all([page.waitForEvent('load'), page.click('main form button')]);
    assert.equal(await page.locator('h1').innerText(), 'This price is no longer valid');
    await Promise.all([page.waitForEvent('load'), page.click('main a.primary')]);
    assert.deepEqual([await page.inputValue('#to'), await page.inputValue('#note')], [bob, 'Tea']);
    assert.equal(await balance('bob'), 51250);
  });

  await row('receivers elsewhere, and more money than there is', async () => {
    await fill(page, { to: '$elsewhere.example/bob', amount: '1' });
    assert.match(await page.locator('#to-error').innerText(), /another provider/);
    await fill(page, { to: bob, amount: '475.01' });
    assert.match(await page.locator('#amount-error').innerText(), /not enough money in the account for 475.01 CAD/);
    await fill(page, { to: alice, amount: '1' });
    assert.match(await page.locator('#to-error').innerText(), /the account that you pay from/);
  });
  await person.leave(/422|Failed to load resource/);
});

scenario('a request is paid by somebody who is given its link', async (provider) => {
  const { balance } = await world(provider);
  const bob = await Person.loggedIn(provider, 'bob');
  const made = await bob.open(`${provider.url}/wallet/request`);
  await made.fill('#amount', '7.25');
  await made.fill('#note', 'Tickets');
  await made.check('input[name="public"]');
  await fill(made, {});
  const link = await made.locator('.copyable').first().innerText();
  assert.ok(link.startsWith(`${provider.url}/op/incoming-payments/`), link);
  // Programs are told what the specification says, and no more.
  const told = await send('GET', link, { headers: { accept: 'application/json' } });
  assert.deepEqual(Object.keys(told.json).sort(), ['authServer', 'receivedAmount']);

  // Alice is not logged in yet.
  const alice = await Person.sitDown();
  const page = await alice.open(link);
  const read = await text(page);
  for (const part of ['Bob asks you for 7.25 CAD', 'Tickets', link]) assert.ok(read.includes(part), `${part}:\n${read}`);
  await Promise.all([page.waitForURL(/\/login/), page.click('a.primary')]);
  await logIn(page, 'alice');
  assert.match(await text(page), /You were asked to pay 7.25 CAD/);
  await fill(page, {});
  await Promise.all([page.waitForEvent('load'), page.click('main form button')]);
  assert.equal(await page.locator('h1').innerText(), 'Sent');
  assert.deepEqual([await balance('alice'), await balance('bob')], [49275, 50725]);
  await page.goto(link);
  assert.match(await text(page), /has been paid in full/);
  await made.reload();
  assert.match(await text(made), /Paid/);
  await alice.leave();
  await bob.leave();
});

scenario('wallet addresses are made, named, and deactivated', async (provider) => {
  await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet/addresses`);
  await Promise.all([page.waitForEvent('load'), page.click('main a.primary')]);
  await fill(page, { name: 'alice/shop', 'public-name': 'The Shop' });
  const address = `${provider.url}/alice/shop`;
  const seen = async () => send('GET', address, { headers: { accept: 'application/json' } });
  assert.equal((await seen()).json.publicName, 'The Shop');
  await page.fill('#public-name', 'Alice’s Shop');
  await Promise.all([page.waitForEvent('load'), page.click('form[action$="/name"] button')]);
  assert.equal((await seen()).json.publicName, 'Alice’s Shop');

  // The copy button copies both spellings.
  await person.context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: provider.url });
  await page.click('button[aria-label="Copy the payment pointer"]');
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `$${address.slice('http://'.length)}`);

  await Promise.all([page.waitForEvent('load'), page.click('a[href$="/deactivate"]')]);
  assert.match(await text(page), /as if this address did not exist/);
  await Promise.all([page.waitForEvent('load'), page.click('main button.danger')]);
  assert.equal((await seen()).status, 404);
  await Promise.all([page.waitForEvent('load'), page.click('form[action$="/reactivate"] button')]);
  assert.equal((await seen()).status, 200);
  await person.leave();
});

scenario('developer keys, in every form that people have them', async (provider, row) => {
  const { alice } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  const page = await person.open(`${provider.url}/wallet/addresses`);
  await Promise.all([page.waitForEvent('load'), page.click('a.row')]);
  await Promise.all([page.waitForEvent('load'), page.click('a[href$="/keys"]')]);
  const keys = page.url();
  const kids = async () => (await send('GET', `${alice}/jwks.json`)).json.keys.map(({ kid }) => kid);
  const add = async (key, rest) => {
    await page.goto(keys);
    await fill(page, { key, ...rest });
  };

  const pair = NEW_KEYS();
  const jwk = pair.publicKey.export({ format: 'jwk' });
  const forms = {
    'a PEM': pair.publicKey.export({ format: 'pem', type: 'spki' }),
    'a JWK without alg': JSON.stringify({ ...jwk, kid: 'mine' }),
    'base64url of 32 bytes': jwk.x,
    'base64 of 32 bytes': Buffer.from(jwk.x, 'base64url').toString('base64'),
  };
  for (const [name, key] of Object.entries(forms)) {
    await row(name, async () => {
      const kid = name.replaceAll(' ', '-');
      await add(key, { kid, name });
      assert.ok((await kids()).includes(kid), 'it is in force at once');
      assert.ok((await text(page)).includes(name));
    });
  }

  await row('a private key is refused loudly', async () => {
    const before = await kids();
    await add(pair.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    assert.match(await page.locator('[role="alert"]').innerText(), /That was a private key. Do not use it any more./);
    assert.equal(await page.inputValue('#key'), '');
    assert.deepEqual(await kids(), before);
  });

  await row('one is made and downloaded, signs, and is removed', async () => {
    await page.goto(`${keys}/new`);
    const kid = await page.inputValue('#kid');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('main button.primary')]);
    assert.equal(download.suggestedFilename(), `${kid}.pem`);
    const pem = await readFile(await download.path(), 'utf8');
    const made = createPrivateKey(pem);
    const published = (await send('GET', `${alice}/jwks.json`)).json.keys.find((key) => key.kid === kid);
    assert.equal(published.x, createPublicKey(made).export({ format: 'jwk' }).x);
    const app = new RawClient(provider, { wallet: alice, key: { kid, privateKey: made } });
    const wanted = { access_token: { access: [access.incoming(alice)] } };
    succeeded(200, await app.request(wanted));

    await page.goto(keys);
    await Promise.all([page.waitForEvent('load'), page.click(`a[aria-label="Remove the key ${kid}"]`)]);
    await Promise.all([page.waitForEvent('load'), page.click('main button.danger')]);
    assert.ok(!(await kids()).includes(kid), 'it is gone at once');
    refused(await app.request(wanted), { status: 400, code: 'invalid_client' });
  });
  await person.leave(/422|Failed to load resource/);
});
