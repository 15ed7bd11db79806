// What people do with their mandates in a real browser, and what the apps notice of it.

import assert from 'node:assert/strict';
import { access, cad, comingBack, interactRef, RawClient, refused, succeeded } from './support/clients.mjs';
import { isBack, logIn, Person, press, text } from './support/browser.mjs';
import { scenario } from './support/provider.mjs';

/** An app with a page to come back to, Alice with 1000.00 CAD, and Bob who gets paid. */
async function world(provider) {
  const app = await RawClient.register(provider, 'app');
  const alice = (await provider.account('alice', { publicName: 'Alice' })).walletAddress;
  const bob = (await provider.account('bob', { publicName: 'Bob' })).walletAddress;
  const site = await provider.beside((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><link rel="icon" href="data:,"><title>App</title><p>Welcome back to the app');
  });
  const callback = `${site}/finish`;
  /** Asks for a mandate: its page, and how the app goes on once the browser is back. */
  const ask = async (limits) => {
    const asked = comingBack(callback);
    const items = [access.outgoing(alice, limits)];
    const pending = succeeded(200, await app.request({ access_token: { access: items }, interact: asked }));
    return {
      url: pending.interact.redirect,
      id: pending.continue.uri.split('/').at(-1),
      callback,
      finish: async (page) => {
        await isBack(page, { callback });
        const reference = interactRef(page.url(), { asked, pending, grantEndpoint: provider.auth });
        const answer = await app.continue(pending.continue, { body: { interact_ref: reference } });
        return succeeded(200, answer).access_token;
      },
    };
  };
  const pay = async (token, value) => {
    const { id } = await app.incoming(bob);
    const body = { walletAddress: alice, incomingPayment: id, debitAmount: cad(value) };
    return app.create('outgoing-payments', token, body);
  };
  return { app, alice, ask, pay };
}

const MONTHLY = { debitAmount: cad(10000), interval: 'R3/2060-05-20T12:00:00Z/P1M' };
const OVER = { status: 403, code: 'limit_exceeded', description: 'unauthorized' };
const PAUSED = { status: 403, code: 'grant_paused', description: 'the account holder has paused this grant' };
const limit = (page) => page.locator('.limit').first().innerText();
const open = (page) => page.locator('.less > summary').click();

scenario('a person allows less than was asked', async (provider, row) => {
  const { ask, pay } = await world(provider);
  const granted = { debitAmount: cad(2500), interval: 'R2/2060-05-20T12:00:00Z/P1M' };

  await row('seen while it is typed', async () => {
    const person = await Person.loggedIn(provider, 'alice');
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    assert.match(await limit(page), /100\.00 CAD/);
    await open(page);
    await page.fill('input[name="amount-0"]', '25');
    await page.fill('input[name="windows-0"]', '2');
    await page.locator('.limit strong', { hasText: '25.00 CAD' }).waitFor();
    await page.locator('dd', { hasText: '50.00 CAD' }).waitFor();
    // What cannot be is said as well, and what was typed stays.
    await page.fill('input[name="windows-0"]', '4');
    await page.locator('.error', { hasText: 'only 3 periods left' }).waitFor();
    assert.equal(await page.locator('input[name="amount-0"]').inputValue(), '25');
    await page.fill('input[name="windows-0"]', '2');
    await page.locator('.limit strong', { hasText: '25.00 CAD' }).waitFor();
    await press(page, 'approve');
    const token = await grant.finish(page);
    assert.deepEqual(token.access[0].limits, granted, 'the app is told');
    refused(await pay(token, 2501), OVER);
    succeeded(201, await pay(token, 2500));
    await person.leave(/status of 422/);
  });

  await row('without scripts, after a look', async () => {
    const person = await Person.sitDown({ javaScriptEnabled: false });
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await logIn(page, 'alice');
    await open(page);
    await page.fill('input[name="amount-0"]', '25');
    await page.fill('input[name="until-0"]', '2060-08-01');
    await press(page, 'preview');
    assert.match(await limit(page), /25\.00 CAD/);
    assert.match(await text(page), /Less than was asked/);
    await press(page, 'approve');
    assert.deepEqual((await grant.finish(page)).access[0].limits, granted);
    await person.leave();
  });

  await row('nothing that nobody has looked at', async () => {
    const person = await Person.sitDown({ javaScriptEnabled: false });
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await logIn(page, 'alice');
    await open(page);
    await page.fill('input[name="amount-0"]', '25');
    await press(page, 'approve');
    assert.match(await text(page), /Nothing was decided yet/);
    assert.match(await limit(page), /25\.00 CAD/);
    await press(page, 'approve');
    assert.deepEqual((await grant.finish(page)).access[0].limits.debitAmount, cad(2500));
    await person.leave(/status of 422/);
  });

  await row('what was typed is still there after reloading and going back', async () => {
    const person = await Person.sitDown({ javaScriptEnabled: false });
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await logIn(page, 'alice');
    await open(page);
    await page.fill('input[name="amount-0"]', '25');
    await press(page, 'preview');
    await page.reload();
    assert.match(await limit(page), /25\.00 CAD/);
    await page.goBack();
    assert.match(await limit(page), /100\.00 CAD/);
    await page.goForward();
    await press(page, 'approve');
    assert.deepEqual((await grant.finish(page)).access[0].limits.debitAmount, cad(2500));
    await person.leave();
  });
});

scenario('no limit is confirmed twice', async (provider, row) => {
  const { ask, pay } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  await row('the browser insists', async () => {
    const grant = await ask();
    const page = await person.open(grant.url);
    await page.click('button[value="approve"]');
    assert.ok(await page.locator('input[name="no-limit"]:invalid').count());
    assert.match(await text(page), /no limit/i);
    // Saying no needs no confirmation.
    await press(page, 'deny');
    await isBack(page, grant);
    assert.match(page.url(), /grant_rejected/);
  });
  await row('the server insists', async () => {
    const grant = await ask();
    const page = await person.open(grant.url);
    await page.evaluate(() => document.querySelector('input[name="no-limit"]').removeAttribute('required'));
    await press(page, 'approve');
    assert.match(await text(page), /Nothing was decided yet: there is no limit/);
    await page.check('input[name="no-limit"]');
    await press(page, 'approve');
    succeeded(201, await pay(await grant.finish(page), 40000));
  });
  await row('with a limit of one’s own there is nothing to confirm', async () => {
    const grant = await ask();
    const page = await person.open(grant.url);
    await open(page);
    await page.fill('input[name="amount-0"]', '10');
    await page.locator('.limit strong', { hasText: '10.00 CAD' }).waitFor();
    assert.equal(await page.locator('input[name="no-limit"]').count(), 0);
    await press(page, 'approve');
    const token = await grant.finish(page);
    refused(await pay(token, 1001), OVER);
    assert.deepEqual(token.access[0].limits, { debitAmount: cad(1000) });
  });
  await person.leave(/status of 422/);
});

scenario('one decision, however often', async (provider, row) => {
  const { ask } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  await row('a double click', async () => {
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await page.dblclick('button[value="approve"]');
    assert.ok((await grant.finish(page)).value);
    await page.close();
  });
  await row('two tabs, of which one asks for less', async () => {
    const grant = await ask(MONTHLY);
    const [one, two] = [await person.open(grant.url), await person.open(`${grant.url}?amount-0=25`)];
    await press(two, 'approve');
    await press(one, 'approve');
    // Whichever came first counts, and both tabs come back to the same.
    await isBack(one, grant);
    assert.deepEqual((await grant.finish(two)).access[0].limits.debitAmount, cad(2500));
    await one.close();
    await two.close();
  });
  await row('back from the app', async () => {
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await press(page, 'approve');
    await grant.finish(page);
    await page.goBack();
    assert.match(await text(page), /approved/i);
    assert.equal(await page.locator('button[value="approve"]').count(), 0);
    await page.close();
  });
  // The last row, since it moves the clock.
  await row('typing when it is over', async () => {
    const grant = await ask(MONTHLY);
    const page = await person.open(grant.url);
    await open(page);
    await provider.advance('PT1H');
    await page.fill('input[name="amount-0"]', '25');
    await page.locator('h1', { hasText: 'This request is over' }).waitFor();
    await press(page, 'leave');
    await isBack(page, grant);
    assert.match(page.url(), /result=grant_invalid/);
  });
  await person.leave();
});

scenario('a mandate is paused, lowered and ended', async (provider) => {
  const { ask, pay } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  const grant = await ask(MONTHLY);
  const consent = await person.open(grant.url);
  await press(consent, 'approve');
  const token = await grant.finish(consent);
  succeeded(201, await pay(token, 3000));

  const page = await person.open(`${provider.url}/wallet/apps`);
  assert.match(await text(page), /The app app/);
  assert.match(await text(page), /30\.00 CAD spent.*70\.00 CAD left/);
  await page.click('article h2 a');
  assert.ok(page.url().endsWith(`/wallet/apps/${grant.id}`));
  const act = async (link) => {
    await page.click(`.page-head a:text-is("${link}")`);
    await Promise.all([page.waitForURL(`**/wallet/apps/${grant.id}`), page.click('main form button')]);
  };
  await act('Pause');
  assert.match(await text(page), /Paused: this app can pay nothing/);
  refused(await pay(token, 100), PAUSED);
  await page.reload();
  assert.match(await text(page), /You paused it on/);
  await act('Resume');
  succeeded(201, await pay(token, 100));

  await page.click('.page-head a:text-is("Lower the limit")');
  await page.fill('input[name="amount-0"]', '35');
  await page.click('main form button');
  assert.match(await text(page), /Then: Up to 35\.00 CAD each month/);
  await Promise.all([page.waitForURL(`**/wallet/apps/${grant.id}`), page.click('main form button')]);
  assert.match(await text(page), /31\.00 CAD spent.*4\.00 CAD left/);
  refused(await pay(token, 401), OVER);
  succeeded(201, await pay(token, 400));

  // Each payment has its own page.
  await page.reload();
  await page.locator('section[aria-labelledby="payments"] tbody a').first().click();
  assert.match(await text(page), /4\.00 CAD/);
  await page.goBack();

  await act('End it');
  assert.match(await text(page), /Ended: this app can do nothing/);
  refused(await pay(token, 1), { status: 403, code: 'inactive_token', description: 'Inactive Token' });
  // Going back shows a page of before; its button ends well all the same.
  await page.goBack();
  await page.click('main form button');
  assert.match(await text(page), /It ended on/);
  await person.leave();
});
