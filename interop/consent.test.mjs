// The consent page in a real browser: what people read, and what comes of their decisions.

import assert from 'node:assert/strict';
import { access, cad, comingBack, interactRef, POLLING, RawClient, refused, succeeded } from './support/clients.mjs';
import { isBack, logIn, offers, Person, press, text } from './support/browser.mjs';
import { scenario } from './support/provider.mjs';

const DENIED = { status: 401, code: 'request_denied' };

/** An app with a page to come back to, and Alice, whose wallet it wants to use. */
async function world(provider) {
  const app = await RawClient.register(provider, 'app');
  const alice = (await provider.account('alice', { publicName: 'Alice' })).walletAddress;
  const returns = [];
  const site = await provider.beside((request, response) => {
    if (request.url.startsWith('/finish')) returns.push({ url: request.url, headers: request.headers });
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<!doctype html><link rel="icon" href="data:,"><title>App</title><p>Welcome back to the app');
  });
  /** Asks for a grant: its page, and how to go on when the browser has come back. */
  const ask = async (items, { host = 'localhost', interact } = {}) => {
    const callback = `${site.replace('localhost', host)}/finish?session=7`;
    const asked = interact ?? comingBack(callback);
    const pending = succeeded(200, await app.request({ access_token: { access: items }, interact: asked }));
    return {
      url: pending.interact.redirect,
      callback,
      /** What the app gets for what the browser has brought. */
      finish: async (page) => {
        await isBack(page, { callback });
        const reference = interactRef(page.url(), { asked, pending, grantEndpoint: provider.auth });
        return app.continue(pending.continue, { body: { interact_ref: reference } });
      },
      poll: () => app.continue(pending.continue),
    };
  };
  return { app, alice, ask, returns };
}

/** The monthly mandate of the guide. */
const monthly = (wallet) =>
  access.outgoing(wallet, { debitAmount: cad(10000), interval: 'R3/2060-05-20T12:00:00Z/P1M' });

/** Checks that the page says all of these. */
function says(read, ...expected) {
  for (const one of expected) {
    if (one instanceof RegExp) assert.match(read, one);
    else assert.ok(read.includes(one), `${JSON.stringify(one)} is not on the page:\n${read}`);
  }
}

/** Checks that the browser came back with nothing but this result. */
async function cameBack(page, grant, result) {
  await isBack(page, grant);
  const expected = new URL(grant.callback);
  expected.searchParams.set('result', result);
  assert.equal(page.url(), expected.href);
}

scenario('a person reads, approves, and comes back', async (provider) => {
  const { app, alice, ask, returns } = await world(provider);
  // Browsers share cookies between the ports of a host, so the app is at another one.
  const grant = await ask([access.quote(), monthly(alice)], { host: '127.0.0.1' });
  const person = await Person.sitDown();
  const page = await person.open(grant.url);
  says(await text(page), 'The app app', /send money/i);
  assert.ok(!(await offers(page, 'approve')), 'nobody has logged in yet');
  await logIn(page, 'alice');
  assert.equal(page.url(), grant.url, 'the same request, now to be decided');
  const read = await text(page);
  says(read, 'Interop Bank', 'The app app', app.wallet.replace(/^https?:\/\//, ''), alice.replace(/^https?:\/\//, ''));
  says(read, '100.00 CAD', /month/i, '300.00 CAD', /anyone/i);
  says(read, '20 May 2060', '20 June 2060', '20 July 2060', '20 August 2060', '12:00 UTC');
  const headers = page.opened.headers();
  says(headers['content-security-policy'], "frame-ancestors 'none'", "default-src 'none'");
  says(headers['cache-control'], 'no-store');
  await press(page, 'approve');
  const { access_token: token } = succeeded(200, await grant.finish(page));
  assert.deepEqual(token.access[1], monthly(alice));
  // Nobody who is not meant to learns the secret part of the request's address.
  assert.equal(returns.length, 1);
  assert.equal(returns[0].headers.referer, undefined);
  assert.equal(returns[0].headers.cookie, undefined);
  for (const cookie of await person.context.cookies(provider.url)) {
    // The time zone is told by a script, and no secret.
    assert.ok(cookie.httpOnly || cookie.name.includes('zone'), cookie.name);
    assert.match(cookie.sameSite, /Lax|Strict/, cookie.name);
  }
  await provider.account('bob');
  const { id } = await app.incoming(`${provider.url}/bob`);
  const body = { walletAddress: alice, incomingPayment: id, debitAmount: cad(2500) };
  succeeded(201, await app.create('outgoing-payments', token, body));
  await person.leave();
});

scenario('what people are told', async (provider, row) => {
  const { app, alice, ask } = await world(provider);
  const bob = (await provider.account('bob', { publicName: 'Bob’s Bakery' })).walletAddress;
  const receiver = (await app.incoming(bob)).id;
  const person = await Person.loggedIn(provider, 'alice');
  const cases = {
    'an amount, once': [[access.outgoing(alice, { debitAmount: cad(1234567) })], '12,345.67 CAD', /anyone/i],
    'one receiver': [[access.outgoing(alice, { receiver, debitAmount: cad(50) })], '0.50 CAD', 'Bob’s Bakery', /only/i],
    'no limit at all': [[access.outgoing(alice)], /no limit/i, /anyone/i],
    'no amount': [
      [access.outgoing(alice, { interval: 'R2/2060-05-20T12:00:00Z/P1W' })],
      /no limit/i,
      '20 May 2060',
      '3 June 2060',
    ],
    'no end': [
      [access.outgoing(alice, { debitAmount: cad(100), interval: 'R/2060-05-20T12:00:00Z/P1M' })],
      '1.00 CAD',
      /month/i,
      /no end|without end/i,
    ],
    'what receivers get': [
      [access.outgoing(alice, { receiveAmount: { value: '1500', assetCode: 'JPY', assetScale: 0 } })],
      '1,500 JPY',
      /fee/i,
    ],
    'windows that have not begun': [
      [access.outgoing(alice, { debitAmount: cad(100), interval: 'R2/2060-06-01T00:00:00Z/P1D' })],
      '1 June 2060',
      '3 June 2060',
      '2.00 CAD',
    ],
    'looking at everything': [[access.outgoing(alice, undefined, ['read-all', 'list-all'])], /all payments/i, /see/i],
    'incoming payments of everybody': [[access.incoming(alice, ['create', 'list-all'])], /all/i, /come|incoming/i],
  };
  for (const [name, [items, ...expected]] of Object.entries(cases)) {
    await row(name, async () => {
      const page = await person.open((await ask(items)).url);
      says(await text(page), 'The app app', ...expected);
      assert.ok(await offers(page, 'approve'));
      assert.ok(await offers(page, 'deny'));
      await page.close();
    });
  }
  await row('who owns the wallet', async () => {
    const subject = { sub_ids: [{ id: alice, format: 'uri' }] };
    const { interact } = succeeded(200, await app.request({ subject, interact: comingBack() }));
    const page = await person.open(interact.redirect);
    says(await text(page), alice.replace(/^https?:\/\//, ''), /prove|yours|own/i);
    await page.close();
  });
  await row('nothing that the app has not asked for', async () => {
    const page = await person.open((await ask([access.outgoing(alice, undefined, ['read'])])).url);
    const read = await text(page);
    assert.doesNotMatch(read, /no limit/i);
    assert.doesNotMatch(read, /send money/i);
    await page.close();
  });
  await person.leave();
});

scenario('names that are more than names', async (provider, row) => {
  const { alice } = await world(provider);
  const names = {
    'a script': '<script>alert(1)</script> & "Co"',
    'an image': '<img src=x onerror=alert(1)>',
    'a template': '{{ 7 * 7 }} ${7 * 7}',
  };
  const person = await Person.loggedIn(provider, 'alice');
  for (const [index, [what, publicName]] of Object.entries(names).entries()) {
    await row(what, async () => {
      const name = `odd-${index}`;
      const app = new RawClient(provider, { wallet: (await provider.account(name, { publicName })).walletAddress });
      await provider.addKey(name, app.key.jwk);
      const request = { access_token: { access: [monthly(alice)] }, interact: comingBack() };
      const { interact } = succeeded(200, await app.request(request));
      const page = await person.open(`${interact.redirect}?clientName=Interop+Bank&clientUri=https://bank.example`);
      const read = await text(page);
      says(read, publicName);
      assert.ok(!read.includes('bank.example'), 'who asks is not what the address says');
      await page.close();
    });
  }
  await person.leave();
});

scenario('a person denies', async (provider, row) => {
  const { alice, ask } = await world(provider);
  await row('after logging in', async () => {
    const person = await Person.sitDown();
    const grant = await ask([monthly(alice)]);
    const page = await person.open(grant.url);
    await logIn(page, 'alice');
    await press(page, 'deny');
    await cameBack(page, grant, 'grant_rejected');
    refused(await grant.poll(), DENIED);
    await person.leave();
  });
  await row('without logging in', async () => {
    const person = await Person.sitDown();
    const grant = await ask([monthly(alice)]);
    const page = await person.open(grant.url);
    await press(page, 'deny');
    await cameBack(page, grant, 'grant_rejected');
    refused(await grant.poll(), DENIED);
    await person.leave();
  });
});

scenario('pages to come back to', async (provider, row) => {
  const { alice, ask } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  for (const host of ['localhost', '127.0.0.1', 'app.localhost']) {
    await row(host, async () => {
      const grant = await ask([monthly(alice)], { host });
      const page = await person.open(grant.url);
      await press(page, 'approve');
      succeeded(200, await grant.finish(page));
      await page.close();
    });
  }
  await row('none: the app polls', async () => {
    const grant = await ask([monthly(alice)], { interact: POLLING });
    const page = await person.open(grant.url);
    await press(page, 'approve');
    assert.equal(new URL(page.url()).origin, provider.url);
    says(await text(page), /approved/i);
    assert.ok(succeeded(200, await grant.poll()).access_token);
  });
  await person.leave();
});

scenario('several requests in one browser', async (provider, row) => {
  const { alice, ask } = await world(provider);
  const amounts = [1100, 2200];
  const both = () => Promise.all(amounts.map((amount) => ask([access.outgoing(alice, { debitAmount: cad(amount) })])));
  const limit = (answer) => succeeded(200, answer).access_token.access[0].limits.debitAmount;

  await row('opened before anybody has logged in', async () => {
    const person = await Person.sitDown();
    const [first, second] = await both();
    const [one, two] = [await person.open(first.url), await person.open(second.url)];
    await logIn(two, 'alice');
    says(await text(two), '22.00 CAD');
    // The other one still shows the form for logging in; it leads to its own request.
    await logIn(one, 'alice');
    says(await text(one), '11.00 CAD');
    await press(one, 'deny');
    await cameBack(one, first, 'grant_rejected');
    await press(two, 'approve');
    assert.deepEqual(limit(await second.finish(two)), cad(2200));
    await person.leave();
  });
  const person = await Person.loggedIn(provider, 'alice');
  await row('side by side, the second decided first', async () => {
    const [first, second] = await both();
    const [one, two] = [await person.open(first.url), await person.open(second.url)];
    says(await text(one), '11.00 CAD');
    says(await text(two), '22.00 CAD');
    await press(two, 'approve');
    await press(one, 'approve');
    assert.deepEqual(limit(await second.finish(two)), cad(2200));
    assert.deepEqual(limit(await first.finish(one)), cad(1100));
  });
  await row('the same request twice', async () => {
    const [grant] = await both();
    const [one, two] = [await person.open(grant.url), await person.open(grant.url)];
    await press(one, 'approve');
    await press(two, 'deny');
    says(await text(two), /approved/i);
    assert.ok(!two.url().includes('grant_rejected'), 'the first decision stands');
    succeeded(200, await grant.finish(one));
  });
  await person.leave();
});

scenario('logging in', async (provider, row) => {
  const { alice, ask } = await world(provider);
  await provider.account('mallory');
  const FORBIDDEN = /status of 403/;

  for (const [what, name, password] of [
    ['with a wrong password', 'alice', 'mallory'],
    ['as nobody', 'nobody', 'nobody'],
  ]) {
    await row(what, async () => {
      const person = await Person.sitDown();
      const grant = await ask([monthly(alice)]);
      const page = await person.open(grant.url);
      await logIn(page, name, password);
      // It does not tell which of the two was wrong.
      says(await page.locator('[role="alert"]:not(:empty)').innerText(), /name and password/i);
      assert.ok(!(await offers(page, 'approve')));
      await logIn(page, 'alice');
      await press(page, 'approve');
      succeeded(200, await grant.finish(page));
      await person.leave(FORBIDDEN);
    });
  }
  await row('as somebody else', async () => {
    const person = await Person.sitDown();
    const grant = await ask([monthly(alice)]);
    const page = await person.open(grant.url);
    await logIn(page, 'mallory');
    assert.ok(!(await offers(page, 'approve')));
    says(await text(page), 'mallory', /not yours|not your wallet|somebody else/i);
    // Not even by sending what the button would send.
    const token = await page
      .locator(`form[action="${new URL(grant.url).pathname}"] input[name="token"]`)
      .first()
      .inputValue();
    const form = { decision: 'approve', token };
    await person.context.request.post(grant.url, { form, maxRedirects: 0 });
    const other = await Person.sitDown();
    const hers = await other.open(grant.url);
    await logIn(hers, 'alice');
    await press(hers, 'approve');
    succeeded(200, await grant.finish(hers));
    await person.leave();
    await other.leave();
  });
});

scenario('after a decision', async (provider, row) => {
  const { alice, ask } = await world(provider);
  const person = await Person.loggedIn(provider, 'alice');
  const decided = async (decision) => {
    const grant = await ask([monthly(alice)]);
    const page = await person.open(grant.url);
    const token = await page.locator('button[value="approve"]').evaluate((button) => button.form.elements.token.value);
    await press(page, decision);
    await isBack(page, grant);
    /** Sends a form as the page would; all that comes back. */
    const send = async (other) => {
      const form = { decision: other, token };
      const response = await person.context.request.post(grant.url, { form, maxRedirects: 0 });
      return `${JSON.stringify(response.headers())} ${await response.text()}`;
    };
    return { grant, page, send };
  };

  for (const [decision, word] of [
    ['approve', /approved/i],
    ['deny', /denied/i],
  ]) {
    await row(`going back and reloading does nothing: ${decision}`, async () => {
      const { page } = await decided(decision);
      await page.goBack();
      for (let time = 0; time < 2; time += 1) {
        says(await text(page), word);
        assert.ok(!(await offers(page, 'approve')) && !(await offers(page, 'deny')));
        await page.reload();
      }
      await page.close();
    });
  }
  await row('an approval stays one', async () => {
    const { grant, page, send } = await decided('approve');
    await send('deny');
    succeeded(200, await grant.finish(page));
    // Once the app has its token, there is no reference to be had any more.
    for (const decision of ['approve', 'deny', 'leave']) {
      assert.doesNotMatch(await send(decision), /interact_ref/);
    }
  });
  await row('a denial stays one', async () => {
    const { grant, send } = await decided('deny');
    assert.doesNotMatch(await send('approve'), /interact_ref/);
    refused(await grant.poll(), DENIED);
  });
  await row('a link that is none', async () => {
    const { url } = await ask([monthly(alice)]);
    for (const wrong of [`${url}x`, url.replace(/[^/]+$/, 'made-up'), `${provider.auth}/interact/a/b`]) {
      const page = await person.open(wrong);
      assert.equal(page.opened.status(), 404, wrong);
      assert.ok(!(await offers(page, 'approve')));
    }
  });
  // The last row, since it moves the clock.
  await row('what nobody decided in time is over', async () => {
    const grant = await ask([monthly(alice)]);
    const page = await person.open(grant.url);
    await provider.advance('PT1H');
    await press(page, 'approve');
    says(await text(page), /over|expired|too late|in time/i);
    refused(await grant.poll(), DENIED);
    await press(page, 'leave');
    await cameBack(page, grant, 'grant_invalid');
  });
  await person.leave(/status of 404/);
});

scenario('other sites', async (provider, row) => {
  const { alice, ask } = await world(provider);
  let shown = '';
  // Another site for the browser: not the same host as the provider's.
  const evil = (
    await provider.beside((request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end(`<!doctype html><link rel="icon" href="data:,"><title>Evil</title>${shown}`);
    })
  ).replace('localhost', '127.0.0.1');
  const person = await Person.loggedIn(provider, 'alice');

  await row('cannot decide', async () => {
    for (const decision of ['approve', 'deny']) {
      const grant = await ask([monthly(alice)], { interact: POLLING });
      shown = `<form method="post" action="${grant.url}"><input name="decision" value="${decision}"><input name="token" value="">
        <button>Win a prize</button></form>`;
      const page = await person.open(evil);
      await Promise.all([page.waitForEvent('load'), page.click('button')]);
      await provider.advance('PT5S');
      assert.equal(succeeded(200, await grant.poll()).access_token, undefined, 'nothing was decided');
      await page.close();
    }
  });
  await row('cannot show the page as a part of theirs', async () => {
    const grant = await ask([monthly(alice)]);
    shown = `<iframe src="${grant.url}"></iframe>`;
    const page = await person.open(evil);
    for (const frame of page.frames().slice(1)) {
      assert.ok(!(await frame.locator('body').innerText()).includes('100.00 CAD'));
    }
    assert.match(person.complaints.join('\n'), /frame-ancestors/);
    await page.close();
  });
  await person.leave(/status of 403/, /frame-ancestors/, /ERR_BLOCKED_BY_RESPONSE/);
});

scenario('a browser without scripts', async (provider) => {
  const { alice, ask } = await world(provider);
  const person = await Person.sitDown({ javaScriptEnabled: false });
  const grant = await ask([monthly(alice)]);
  const page = await person.open(grant.url);
  await logIn(page, 'alice');
  says(await text(page), '100.00 CAD', '300.00 CAD');
  await press(page, 'approve');
  succeeded(200, await grant.finish(page));
  await person.leave();
});

scenario('a small screen', async (provider) => {
  const { alice, ask } = await world(provider);
  const person = await Person.sitDown({ viewport: { width: 320, height: 568 } });
  const page = await person.open((await ask([access.quote(), monthly(alice)])).url);
  const overflow = () =>
    page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await overflow(), 0, 'nothing is cut off beside the form for logging in');
  await logIn(page, 'alice');
  assert.equal(await overflow(), 0, 'nothing is cut off beside what is asked');
  await page.locator('button[value="approve"]').scrollIntoViewIfNeeded();
  assert.ok(await page.locator('button[value="approve"]').isVisible());
  await person.leave();
});
