// The official TypeScript client, used as its documentation shows. It holds every answer against the OpenAPI
// specification by itself.

import assert from 'node:assert/strict';
import {
  createUnauthenticatedClient,
  isFinalizedGrantWithAccessToken,
  isFinalizedGrantWithSubject,
} from '@interledger/open-payments';
import { cad, comingBack, officialApp, POLLING } from './support/clients.mjs';
import { ask, fails, finish, mandate, token } from './support/official.mjs';
import { scenario } from './support/provider.mjs';

const ALL_OUTGOING_ACTIONS = ['list', 'list-all', 'read', 'read-all', 'create'];
const PAYMENT_POLLS_MAX = 50;

const UNAUTHORIZED = { status: 403, description: 'unauthorized' };
const OVER_LIMIT = { ...UNAUTHORIZED, code: 'limit_exceeded' };
const OUTSIDE = { ...UNAUTHORIZED, code: 'outside_interval' };

/** Makes an incoming payment at a wallet that nobody had to know before, under a grant of its own. */
async function incoming(app, url, rest = {}) {
  const wallet = await app.client.walletAddress.get({ url });
  const accessToken = await token(app, wallet, {
    type: 'incoming-payment',
    actions: ['create', 'read', 'complete'],
    identifier: wallet.id,
  });
  const at = { url: wallet.resourceServer, accessToken };
  const payment = await app.client.incomingPayment.create(at, { walletAddress: wallet.id, ...rest });
  return { payment, wallet, accessToken };
}

function pay(app, wallet, accessToken, how) {
  return app.client.outgoingPayment.create(
    { url: wallet.resourceServer, accessToken },
    { walletAddress: wallet.id, ...how },
  );
}

/** Reads an outgoing payment until all of it is sent. */
async function sent(app, accessToken, url) {
  for (let polled = 0; polled < PAYMENT_POLLS_MAX; polled += 1) {
    const payment = await app.client.outgoingPayment.get({ url, accessToken });
    assert.equal(payment.failed, false);
    if (payment.sentAmount.value === payment.debitAmount.value) return payment;
  }
  return assert.fail(`${url} is not sent after ${PAYMENT_POLLS_MAX} polls`);
}

scenario('wallet addresses and their keys', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  const alice = await provider.account('alice', { publicName: 'Alice', assetCode: 'JPY', assetScale: 0 });
  const stranger = await createUnauthenticatedClient({});
  for (const { walletAddress } of [app.client, stranger]) {
    assert.deepEqual(await walletAddress.get({ url: alice.walletAddress }), {
      id: alice.walletAddress,
      publicName: 'Alice',
      assetCode: 'JPY',
      assetScale: 0,
      authServer: provider.auth,
      resourceServer: provider.resource,
    });
    assert.deepEqual(await walletAddress.getKeys({ url: alice.walletAddress }), { keys: [] });
    const { keys } = await walletAddress.getKeys({ url: app.wallet });
    assert.deepEqual(keys, [app.key.jwk]);
    await fails(walletAddress.get({ url: `${provider.url}/nobody` }), { status: 404 });
    await fails(walletAddress.getKeys({ url: `${provider.url}/nobody` }), { status: 404 });
  }
  await row('the DID document', async () => {
    const document = await app.client.walletAddress.getDIDDocument({ url: alice.walletAddress });
    assert.equal(typeof document.id, 'string');
  });
});

scenario('guide: an outgoing payment grant', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  await provider.account('shop', { assetCode: 'USD' });
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const shop = `${provider.url}/shop`;

  await row('without an interval', async () => {
    const grant = await mandate(app, provider, alice, { debitAmount: cad(130) }, ALL_OUTGOING_ACTIONS);
    const accessToken = grant.access_token.value;
    const { payment } = await incoming(app, shop);
    const made = await pay(app, alice, accessToken, { incomingPayment: payment.id, debitAmount: cad(100) });
    assert.equal((await sent(app, accessToken, made.id)).receiveAmount.value, '80');
    // There is no next month for this one.
    await provider.advance('P1Y');
    const rotated = await app.client.token.rotate({ url: grant.access_token.manage, accessToken });
    const { payment: later } = await incoming(app, shop);
    const rest = (value) => ({ incomingPayment: later.id, debitAmount: cad(value) });
    await fails(pay(app, alice, rotated.access_token.value, rest(31)), OVER_LIMIT);
    await pay(app, alice, rotated.access_token.value, rest(30));
  });

  await row('for one receiver', async () => {
    const { payment: chosen } = await incoming(app, shop);
    const { payment: other } = await incoming(app, shop);
    const limits = { receiver: chosen.id, debitAmount: cad(130) };
    const { access_token } = await mandate(app, provider, alice, limits, ALL_OUTGOING_ACTIONS);
    assert.deepEqual(access_token.access[0].limits, limits);
    const to = (payment) => ({ incomingPayment: payment.id, debitAmount: cad(130) });
    await fails(pay(app, alice, access_token.value, to(other)), { ...UNAUTHORIZED, code: 'receiver_not_allowed' });
    const made = await pay(app, alice, access_token.value, to(chosen));
    assert.equal(made.receiver, chosen.id);
  });

  await row('with a daily interval that began years ago', async () => {
    const limits = { debitAmount: cad(132), interval: 'R/2025-04-22T08:00:00Z/P1D' };
    const { access_token } = await mandate(app, provider, alice, limits, ALL_OUTGOING_ACTIONS);
    assert.deepEqual(access_token.access[0].limits, limits);
    for (const day of ['2061-06-01', '2061-06-02']) {
      await provider.set(`${day}T08:00:00Z`);
      const { manage, value } = access_token;
      const rotated = (await app.client.token.rotate({ url: manage, accessToken: value })).access_token;
      Object.assign(access_token, rotated);
      const { payment } = await incoming(app, shop);
      const some = (amount) => ({ incomingPayment: payment.id, debitAmount: cad(amount) });
      const made = await pay(app, alice, access_token.value, some(132));
      assert.deepEqual(made.grantSpentDebitAmount, cad(132), 'a new day begins with nothing spent');
      await fails(pay(app, alice, access_token.value, some(2)), OVER_LIMIT);
    }
  });
});

scenario('guide: future payments, 100.00 CAD a month for three months', async (provider) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  const people = { bob: ['CAD', 2], carol: ['USD', 2], dave: ['EUR', 2], emi: ['JPY', 0] };
  for (const [name, [assetCode, assetScale]] of Object.entries(people)) {
    await provider.account(name, { assetCode, assetScale, balance: '0' });
  }
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const interval = 'R3/2060-05-20T13:00:00Z/P1M';
  const grant = await mandate(app, provider, alice, { interval, debitAmount: cad(10000) });
  assert.equal(grant.access_token.access[0].limits.interval, interval);
  let accessToken = grant.access_token.value;
  let manage = grant.access_token.manage;
  const rotate = async () => {
    const { access_token } = await app.client.token.rotate({ url: manage, accessToken });
    assert.notEqual(access_token.value, accessToken);
    assert.notEqual(access_token.manage, manage);
    assert.deepEqual(access_token.access, grant.access_token.access);
    ({ value: accessToken, manage } = access_token);
  };
  const to = async (name, debit, rest) => {
    const { payment } = await incoming(app, `${provider.url}/${name}`, rest);
    return { incomingPayment: payment.id, debitAmount: cad(debit) };
  };
  const spent = () => app.client.outgoingPayment.getGrantSpentAmounts({ url: alice.resourceServer, accessToken });
  const nothing = { spentDebitAmount: null, spentReceiveAmount: null };

  // The first window begins at one o'clock; it is twelve.
  await fails(pay(app, alice, accessToken, await to('bob', 1)), OUTSIDE);
  await provider.set('2060-05-20T13:00:00Z');
  await fails(pay(app, alice, accessToken, await to('bob', 1)), { status: 403, description: 'Inactive Token' });
  await rotate();
  assert.deepEqual(await spent(), nothing);

  // Month one: four people whom nobody knew before, and 3000 left unspent.
  const first = await pay(app, alice, accessToken, await to('bob', 2001));
  assert.deepEqual(first.grantSpentDebitAmount, cad(2001));
  assert.deepEqual(first.grantSpentReceiveAmount, cad(2001));
  assert.deepEqual(await spent(), { spentDebitAmount: cad(2001), spentReceiveAmount: cad(2001) });
  const toCarol = await pay(app, alice, accessToken, { ...(await to('carol', 2001)), metadata: { note: 'thanks' } });
  assert.deepEqual(toCarol.metadata, { note: 'thanks' });
  await pay(app, alice, accessToken, await to('dave', 2001));
  const last = await pay(app, alice, accessToken, await to('emi', 997));
  assert.deepEqual((await spent()).spentDebitAmount, cad(7000));
  for (const { id } of [first, toCarol, last]) await sent(app, accessToken, id);
  await fails(pay(app, alice, accessToken, await to('bob', 3001)), OVER_LIMIT);
  assert.deepEqual((await spent()).spentDebitAmount, cad(7000), 'what is refused is not spent');
  // 20.01 CAD are 16.008 USD and 12.8064 EUR, 9.97 CAD are 1196.4 JPY; parts of a unit stay with the provider.
  const received = { alice: 43000, bob: 2001, carol: 1600, dave: 1280, emi: 1196 };
  for (const [name, balance] of Object.entries(received)) {
    assert.equal(await provider.balance(name), balance, name);
  }

  // Month two: everything again, but no more than that.
  await provider.advance('P1M');
  await fails(spent(), { status: 403, description: 'Inactive Token' });
  await rotate();
  assert.deepEqual(await spent(), nothing);
  await fails(pay(app, alice, accessToken, await to('bob', 10001)), OVER_LIMIT);
  await pay(app, alice, accessToken, await to('bob', 10000));
  await fails(pay(app, alice, accessToken, await to('bob', 1)), OVER_LIMIT);

  // Month three, many payments at once: exactly as many as fit.
  await provider.advance('P1M');
  await rotate();
  const receivers = await Promise.all(Array.from({ length: 8 }, () => to('bob', 2000)));
  const results = await Promise.allSettled(receivers.map((how) => pay(app, alice, accessToken, how)));
  const refusals = results.filter((result) => result.status === 'rejected');
  assert.equal(refusals.length, 3);
  for (const { reason } of refusals) await fails(Promise.reject(reason), OVER_LIMIT);
  assert.deepEqual((await spent()).spentDebitAmount, cad(10000));

  // After the third window there is nothing left, however long one waits.
  for (const step of ['P1M', 'P1Y']) {
    await provider.advance(step);
    await rotate();
    await fails(pay(app, alice, accessToken, await to('bob', 1)), OUTSIDE);
  }
  assert.equal(await provider.balance('alice'), 50000 - 27000);
});

scenario('quotes: what is sent, what is received, or what is still missing', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  await provider.account('carol', { assetCode: 'USD', balance: '0' });
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const usd = (value) => ({ value: String(value), assetCode: 'USD', assetScale: 2 });
  const { access_token } = await mandate(app, provider, alice, { debitAmount: cad(10000) });
  const quoteToken = await token(app, alice, { type: 'quote', actions: ['create', 'read'] });
  const at = { url: alice.resourceServer, accessToken: quoteToken };

  const check = (name, rest, amounts, [debit, receive]) =>
    row(name, async () => {
      const { payment, accessToken } = await incoming(app, `${provider.url}/carol`, rest);
      const ask = { walletAddress: alice.id, receiver: payment.id, method: 'ilp', ...amounts };
      const quote = await app.client.quote.create(at, ask);
      assert.deepEqual([quote.debitAmount, quote.receiveAmount], [cad(debit), usd(receive)]);
      assert.deepEqual(await app.client.quote.get({ url: quote.id, accessToken: quoteToken }), quote);
      const made = await pay(app, alice, access_token.value, { quoteId: quote.id });
      const { grantSpentDebitAmount, grantSpentReceiveAmount, ...paid } = made;
      assert.deepEqual(await sent(app, access_token.value, made.id), { ...paid, sentAmount: cad(debit) });
      assert.equal(made.quoteId, quote.id);
      assert.deepEqual([made.debitAmount, made.receiveAmount], [cad(debit), usd(receive)]);
      const received = await app.client.incomingPayment.get({ url: payment.id, accessToken });
      assert.deepEqual(received.receivedAmount, usd(receive));
      assert.equal(received.completed, receive === Number(rest.incomingAmount?.value));
      await fails(pay(app, alice, access_token.value, { quoteId: quote.id }), { status: 400 });
    });

  // 1.25 CAD for 1.00 USD, in the provider's favour by less than a unit.
  await check('a fixed debit', {}, { debitAmount: cad(126) }, [126, 100]);
  await check('a fixed receive amount', {}, { receiveAmount: usd(99) }, [124, 99]);
  await check('what the incoming payment asks for', { incomingAmount: usd(250) }, {}, [313, 250]);
  await check('part of what it asks for', { incomingAmount: usd(250) }, { receiveAmount: usd(100) }, [125, 100]);

  await row('a quote that has expired', async () => {
    const { payment } = await incoming(app, `${provider.url}/carol`);
    const ask = { walletAddress: alice.id, receiver: payment.id, method: 'ilp', debitAmount: cad(100) };
    const quote = await app.client.quote.create(at, ask);
    assert.equal(Date.parse(quote.expiresAt) - Date.parse(quote.createdAt), 5 * 60_000);
    await provider.advance('PT5M');
    await fails(pay(app, alice, access_token.value, { quoteId: quote.id }), { status: 400 });
  });
});

scenario('incoming payments: create, get, getPublic, complete', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  const other = await officialApp(provider, 'other');
  const stranger = await createUnauthenticatedClient({});
  const bob = (await provider.account('bob')).walletAddress;

  await row('from the beginning to the end', async () => {
    const details = {
      incomingAmount: cad(500),
      expiresAt: '2060-05-20T18:00:00Z',
      metadata: { invoice: { number: 7 } },
    };
    const { payment, accessToken } = await incoming(app, bob, details);
    assert.equal(payment.walletAddress, bob);
    assert.deepEqual(payment.incomingAmount, cad(500));
    assert.deepEqual(payment.receivedAmount, cad(0));
    assert.deepEqual(payment.metadata, details.metadata);
    assert.equal(Date.parse(payment.expiresAt), Date.parse(details.expiresAt));
    assert.equal(payment.methods.length, 1);
    const url = payment.id;
    assert.deepEqual(await app.client.incomingPayment.get({ url, accessToken }), payment);
    const publicView = { receivedAmount: cad(0), authServer: provider.auth };
    assert.deepEqual(await app.client.incomingPayment.getPublic({ url }), publicView);
    assert.deepEqual(await stranger.incomingPayment.get({ url }), publicView);
    const { methods, ...rest } = payment;
    assert.deepEqual(await app.client.incomingPayment.complete({ url, accessToken }), { ...rest, completed: true });
    await fails(app.client.incomingPayment.complete({ url, accessToken }), { status: 409 });
    assert.deepEqual((await app.client.incomingPayment.get({ url, accessToken })).methods, []);
  });

  await row('a secret of its own for each', async () => {
    const [one, two] = [await incoming(app, bob), await incoming(app, bob)];
    assert.notEqual(one.payment.methods[0].sharedSecret, two.payment.methods[0].sharedSecret);
    assert.notEqual(one.payment.methods[0].ilpAddress, two.payment.methods[0].ilpAddress);
  });

  await row('"read" shows one\'s own, "read-all" all', async () => {
    const { payment, wallet, accessToken } = await incoming(app, bob);
    const may = (actions) => token(other, wallet, { type: 'incoming-payment', actions, identifier: wallet.id });
    const read = async (actions) =>
      other.client.incomingPayment.get({ url: payment.id, accessToken: await may(actions) });
    await fails(read(['read']), { status: 404 });
    assert.equal((await read(['read-all'])).id, payment.id);
    // A token is of no use to anybody but the client that it was given to.
    await fails(other.client.incomingPayment.get({ url: payment.id, accessToken }), {
      status: 401,
      description: /^Signature validation error/,
    });
  });

  await row('expired', async () => {
    const { payment, accessToken } = await incoming(app, bob, { expiresAt: '2060-05-20T12:05:00Z' });
    await provider.set('2060-05-20T12:05:00Z');
    const { methods } = await app.client.incomingPayment.get({ url: payment.id, accessToken });
    assert.deepEqual(methods, []);
    await fails(app.client.incomingPayment.complete({ url: payment.id, accessToken }), { status: 409 });
  });
});

scenario('outgoing payments of another client are not seen with "read"', async (provider) => {
  const [app, other] = [await officialApp(provider, 'app'), await officialApp(provider, 'other')];
  await provider.account('alice');
  await provider.account('bob');
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const { access_token } = await mandate(app, provider, alice, { debitAmount: cad(100) });
  const { payment } = await incoming(app, `${provider.url}/bob`);
  const quoteToken = await token(app, alice, { type: 'quote', actions: ['create'] });
  const quote = await app.client.quote.create(
    { url: alice.resourceServer, accessToken: quoteToken },
    { walletAddress: alice.id, receiver: payment.id, method: 'ilp', debitAmount: cad(10) },
  );
  const made = await pay(app, alice, access_token.value, { incomingPayment: payment.id, debitAmount: cad(10) });

  const readOutgoing = async (actions) => {
    const grant = await mandate(other, provider, alice, undefined, actions);
    return other.client.outgoingPayment.get({ url: made.id, accessToken: grant.access_token.value });
  };
  await fails(readOutgoing(['read']), { status: 404 });
  assert.equal((await readOutgoing(['read-all'])).id, made.id);
  const readQuote = async (actions) =>
    other.client.quote.get({ url: quote.id, accessToken: await token(other, alice, { type: 'quote', actions }) });
  await fails(readQuote(['read']), { status: 404 });
  assert.equal((await readQuote(['read-all'])).id, quote.id);
  // Nor can another client use up the quote, or the budget.
  const theirs = await mandate(other, provider, alice, { debitAmount: cad(100) });
  await fails(pay(other, alice, theirs.access_token.value, { quoteId: quote.id }), { status: 400 });
  const { spentDebitAmount } = await other.client.outgoingPayment.getGrantSpentAmounts({
    url: alice.resourceServer,
    accessToken: theirs.access_token.value,
  });
  assert.equal(spentDebitAmount, null);
});

scenario('the end of a token and of a grant', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  await provider.account('bob');
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const { payment } = await incoming(app, `${provider.url}/bob`);
  const how = { incomingPayment: payment.id, debitAmount: cad(10) };
  const inactive = { status: 403, description: 'Inactive Token' };
  const notRotated = { status: 400, code: 'invalid_rotation' };

  await row('token.revoke', async () => {
    const { access_token } = await mandate(app, provider, alice, { debitAmount: cad(100) });
    const managed = { url: access_token.manage, accessToken: access_token.value };
    await pay(app, alice, access_token.value, how);
    await app.client.token.revoke(managed);
    await fails(pay(app, alice, access_token.value, how), inactive);
    await fails(app.client.token.rotate(managed), notRotated);
  });

  await row('grant.cancel', async () => {
    const grant = await mandate(app, provider, alice, { debitAmount: cad(100) });
    const { access_token } = grant;
    const continued = { url: grant.continue.uri, accessToken: grant.continue.access_token.value };
    await pay(app, alice, access_token.value, how);
    await app.client.grant.cancel(continued);
    await fails(pay(app, alice, access_token.value, how), inactive);
    await fails(app.client.outgoingPayment.get({ url: payment.id, accessToken: access_token.value }), inactive);
    await fails(app.client.token.rotate({ url: access_token.manage, accessToken: access_token.value }), notRotated);
    await fails(app.client.grant.continue(continued, {}), { status: 401, code: 'request_denied' });
  });

  await row('grant.cancel ends rotated tokens as well', async () => {
    const grant = await mandate(app, provider, alice, { debitAmount: cad(100) });
    const managed = { url: grant.access_token.manage, accessToken: grant.access_token.value };
    const { access_token } = await app.client.token.rotate(managed);
    const { uri, access_token: continuing } = grant.continue;
    await app.client.grant.cancel({ url: uri, accessToken: continuing.value });
    await fails(pay(app, alice, access_token.value, how), inactive);
  });

  await row('grant.cancel before anybody has decided', async () => {
    const access = [{ identifier: alice.id, type: 'outgoing-payment', actions: ['create'] }];
    const { pending } = await ask(app, alice, { access_token: { access } });
    const continued = { url: pending.continue.uri, accessToken: pending.continue.access_token.value };
    await app.client.grant.cancel(continued);
    await assert.rejects(provider.approve(pending.interact.redirect), /409/);
    await fails(app.client.grant.continue(continued, {}), { status: 401, code: 'request_denied' });
  });
});

scenario('clients that poll', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const access = [{ identifier: alice.id, type: 'outgoing-payment', actions: ['create'] }];
  const start = async () => {
    const { pending } = await ask(app, alice, { access_token: { access } }, POLLING);
    const at = { url: pending.continue.uri, accessToken: pending.continue.access_token.value };
    // Both ways of saying nothing: an empty object, and no body at all.
    return { pending, poll: (body) => app.client.grant.continue(at, body) };
  };

  await row('wait, approved', async () => {
    const { pending, poll } = await start();
    assert.ok(pending.continue.wait > 0);
    for (const nothing of [{}, undefined]) {
      await fails(poll(nothing), { status: 400, code: 'too_fast' });
      await provider.advance(`PT${pending.continue.wait}S`);
      const still = await poll(nothing);
      assert.ok(!isFinalizedGrantWithAccessToken(still));
      assert.equal(still.continue.uri, pending.continue.uri);
      assert.ok(still.continue.wait > 0);
    }
    assert.equal(await provider.approve(pending.interact.redirect), null, 'there is nowhere to go back to');
    // The answer is there, so nobody has to wait for it.
    assert.ok(isFinalizedGrantWithAccessToken(await poll()));
    await fails(poll(), { status: 401, code: 'request_denied' });
  });

  await row('denied', async () => {
    const { pending, poll } = await start();
    await provider.deny(pending.interact.redirect);
    await fails(poll({}), { status: 401, code: 'request_denied' });
  });
});

scenario('a person who says no', async (provider) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const access = [{ identifier: alice.id, type: 'outgoing-payment', actions: ['create'] }];
  const { pending, asked } = await ask(app, alice, { access_token: { access } });
  const returned = await provider.deny(pending.interact.redirect);
  const expected = new URL(asked.finish.uri);
  expected.searchParams.set('result', 'grant_rejected');
  assert.equal(new URL(returned).href, expected.href);
  const at = { url: pending.continue.uri, accessToken: pending.continue.access_token.value };
  for (const body of [{ interact_ref: 'made-up' }, {}]) {
    await fails(app.client.grant.continue(at, body), { status: 401, code: 'request_denied' });
  }
});

scenario('proof of who owns a wallet address', async (provider) => {
  const app = await officialApp(provider, 'app');
  await provider.account('alice');
  const alice = await app.client.walletAddress.get({ url: `${provider.url}/alice` });
  const subject = { sub_ids: [{ id: alice.id, format: 'uri' }] };
  const alone = await finish(app, provider, await ask(app, alice, { subject }));
  assert.ok(isFinalizedGrantWithSubject(alone));
  assert.ok(!isFinalizedGrantWithAccessToken(alone));
  assert.deepEqual(alone.subject, subject);
  const access = [{ identifier: alice.id, type: 'outgoing-payment', actions: ['read'] }];
  const both = await finish(app, provider, await ask(app, alice, { subject, access_token: { access } }));
  assert.deepEqual(both.subject, subject);
  assert.ok(isFinalizedGrantWithAccessToken(both));
});

scenario('other forms of naming the client', async (provider, row) => {
  const app = await officialApp(provider, 'app');
  const bob = (await provider.account('bob')).walletAddress;
  const wallet = await app.client.walletAddress.get({ url: bob });
  const access = [{ type: 'incoming-payment', actions: ['create', 'read'], identifier: bob }];
  const request = (client, more) =>
    app.client.grant.request({ url: wallet.authServer }, { access_token: { access }, ...more }, client);
  const use = async (grant) => {
    const at = { url: wallet.resourceServer, accessToken: grant.access_token.value };
    const { id } = await app.client.incomingPayment.create(at, { walletAddress: bob });
    return id;
  };
  const forms = { 'a wallet address': { walletAddress: app.wallet }, 'only a key': { jwk: app.key.jwk } };
  for (const [name, client] of Object.entries(forms)) {
    await row(name, async () => {
      const grant = await request(client);
      const id = await use(grant);
      const at = { url: id, accessToken: grant.access_token.value };
      assert.equal((await app.client.incomingPayment.get(at)).id, id);
    });
  }
  await row('the key of a client is not that client', async () => {
    const theirs = await use(await request({ walletAddress: app.wallet }));
    const accessToken = (await request({ jwk: app.key.jwk })).access_token.value;
    await fails(app.client.incomingPayment.get({ url: theirs, accessToken }), { status: 404 });
  });
  await row('a key alone cannot ask for consent', async () => {
    const outgoing = [{ type: 'outgoing-payment', actions: ['create'], identifier: bob }];
    const more = { access_token: { access: outgoing }, interact: comingBack() };
    await fails(request({ jwk: app.key.jwk }, more), { status: 400, code: 'invalid_request' });
  });
});

scenario('the client does hold answers against the specification', async (provider) => {
  const { client } = await officialApp(provider, 'app');
  const careless = await provider.beside((request, response) => {
    const document = {
      id: `http://${request.headers.host}/a`,
      assetCode: 'CAD',
      authServer: 'http://a/',
      resourceServer: 'http://a/',
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document));
  });
  const error = await fails(client.walletAddress.get({ url: `${careless}/a` }), {
    description: 'Could not validate OpenAPI response',
  });
  assert.match(error.validationErrors.join(), /assetScale/);
});
