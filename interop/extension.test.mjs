// What the Web Monetization browser extension does: it is a client by the wallet address of the person that uses it,
// with a key that the person has added there; it pays whoever the person visits, a little every few seconds.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createHeaders } from '@interledger/http-signature-utils';
import { access, cad, comingBack, interactRef, refused, succeeded } from './support/clients.mjs';
import { send } from './support/http.mjs';
import { scenario } from './support/provider.mjs';
import { newKey } from './support/signature.mjs';
import { conform } from './support/spec.mjs';

const ORIGINS = [
  'chrome-extension://oiabcfomehhigdepbbclppomkhlknpii',
  'moz-extension://5b0f7c9e-3d0f-4c5e-9a55-6ad1f5f2cf3b',
];
const WELCOME = 'https://webmonetization.org/welcome';

/** What the extension takes an error for. It acts on nothing else. */
function meaning({ status, json }) {
  const { code, description = '' } = json.error;
  if (status === 400 && code === 'invalid_client') return 'key revoked';
  if (status === 401 && description.includes('Signature validation error')) return 'key revoked';
  if (status === 401 && description === 'Invalid Token') return 'token invalid';
  if (status === 403 && description === 'Inactive Token') return 'token inactive';
  if (status === 403 && description === 'Insufficient Grant') return 'permissions missing';
  if (status === 403 && description === 'unauthorized') return 'out of budget or money';
  if (status === 400 && description.toLowerCase().includes('non-positive receive amount')) return 'too small';
  if (status === 400 && description === 'invalid receiver') return 'receiver gone';
  return 'unknown';
}

function means(answer, expected) {
  assert.ok(answer.status >= 400, answer.text);
  assert.equal(meaning(answer), expected, `${answer.status} ${answer.text}`);
  return answer.json.error;
}

class Extension {
  constructor(provider, person, origin = ORIGINS[0]) {
    this.provider = provider;
    this.person = person;
    this.origin = origin;
    this.key = newKey(randomUUID());
  }

  /** A person with an extension, connected to the person's wallet. */
  static async connected(provider, { budget = 1000, ...rest } = {}) {
    const person = await provider.account('alice', { publicName: 'Alice', ...rest });
    const extension = new Extension(provider, person);
    await extension.addKey();
    await extension.connect(budget);
    return extension;
  }

  /** The person pastes what the extension shows: a JWK in base64 that says no more than it must. */
  async addKey() {
    const { kty, crv, kid, x } = this.key.jwk;
    const pasted = Buffer.from(JSON.stringify({ kty, crv, kid, x })).toString('base64');
    await this.provider.addKey(this.person.name, JSON.parse(Buffer.from(pasted, 'base64').toString()));
  }

  revokeKey() {
    return this.provider.revokeKey(this.person.name, this.key.kid);
  }

  async send(method, url, { token, body, spoil = (headers) => headers } = {}) {
    const text = body && JSON.stringify(body);
    const headers = { accept: 'application/json', 'content-type': 'application/json', origin: this.origin };
    if (token) headers.authorization = `GNAP ${token}`;
    if (token || method === 'POST') {
      const request = { method, url, headers, body: text };
      Object.assign(headers, await createHeaders({ request, privateKey: this.key.privateKey, keyId: this.key.kid }));
    }
    const answer = await send(method, url, { headers: spoil(headers), body: text });
    conform(this.provider, method, url, answer);
    return answer;
  }

  async wallet(url) {
    return succeeded(200, await this.send('GET', url));
  }

  /** One request for everything; the budget is for each month from this very millisecond. */
  async askToConnect(budget) {
    const wallet = await this.wallet(this.person.walletAddress);
    const now = new Date(await this.provider.now()).toISOString();
    assert.match(now, /\.\d{3}Z$/);
    const limits = { debitAmount: cad(budget), interval: `R/${now}/P1M` };
    const asked = comingBack(WELCOME);
    const body = {
      access_token: { access: [access.quote(['create']), access.outgoing(wallet.id, limits)] },
      client: wallet.id,
      interact: asked,
    };
    return { asked, limits, wallet, answer: await this.send('POST', wallet.authServer, { body }) };
  }

  async connect(budget) {
    const { asked, limits, wallet, answer } = await this.askToConnect(budget);
    const pending = succeeded(200, answer);
    const returned = await this.provider.approve(pending.interact.redirect);
    // Straight away: the extension does not wait to be told how long it has to.
    const reference = interactRef(returned, { asked, pending, grantEndpoint: wallet.authServer });
    const { uri, access_token } = pending.continue;
    const body = { interact_ref: reference };
    const grant = succeeded(200, await this.send('POST', uri, { token: access_token.value, body }));
    const [quote, outgoing] = ['quote', 'outgoing-payment'].map((type) =>
      grant.access_token.access.find((item) => item.type === type),
    );
    assert.deepEqual(quote.actions, ['create']);
    assert.deepEqual(outgoing.limits, limits);
    this.token = grant.access_token;
    this.continuation = grant.continue;
  }

  async rotate() {
    const { manage, value } = this.token;
    const answer = await this.send('POST', manage, { token: value });
    if (answer.status === 200) this.token = answer.json.access_token;
    return answer;
  }

  /** A person visits a page: an incoming payment without amount, for ten minutes, whose grant is then given back. */
  async visit(url) {
    const wallet = await this.wallet(url);
    const body = {
      access_token: { access: [access.incoming(wallet.id, ['create'])] },
      client: this.person.walletAddress,
    };
    const grant = succeeded(200, await this.send('POST', wallet.authServer, { body }));
    const expiresAt = new Date((await this.provider.now()) + 10 * 60_000).toISOString();
    const payment = succeeded(
      201,
      await this.send('POST', `${wallet.resourceServer}/incoming-payments`, {
        token: grant.access_token.value,
        body: { walletAddress: wallet.id, expiresAt, metadata: { source: 'Web Monetization' } },
      }),
    );
    assert.equal(Date.parse(payment.expiresAt), Date.parse(expiresAt));
    assert.equal(payment.incomingAmount, undefined);
    const { uri, access_token } = grant.continue;
    succeeded(204, await this.send('DELETE', uri, { token: access_token.value }));
    return payment.id;
  }

  quote(receiver, value, rest) {
    return this.send('POST', `${this.provider.resource}/quotes`, {
      token: this.token.value,
      body: { walletAddress: this.person.walletAddress, receiver, method: 'ilp', debitAmount: cad(value) },
      ...rest,
    });
  }

  pay(receiver, value, rest) {
    return this.send('POST', `${this.provider.resource}/outgoing-payments`, {
      token: this.token.value,
      body: {
        walletAddress: this.person.walletAddress,
        incomingPayment: receiver,
        debitAmount: cad(value),
        metadata: { source: 'Web Monetization' },
      },
      ...rest,
    });
  }

  /** The least that arrives: from one unit up, with the provider's hint if it gives one. */
  async probe(receiver) {
    const probed = [];
    for (let value = 1; probed.length < 10;) {
      probed.push(value);
      const answer = await this.quote(receiver, value);
      if (answer.status === 201) return { value, probed, quote: answer.json };
      const { details } = means(answer, 'too small');
      assert.deepEqual({ ...details.minSendAmount, value: '' }, cad(''));
      value = Number(details.minSendAmount.value);
    }
    return assert.fail(`no amount arrives: ${probed}`);
  }
}

scenario('a person browses and pays', async (provider, row) => {
  const sites = { news: ['CAD', 2, 1], blog: ['USD', 2, 2], comic: ['EUR', 1, 16], band: ['JPY', 0, 1] };
  for (const [name, [assetCode, assetScale]] of Object.entries(sites)) {
    await provider.account(name, { assetCode, assetScale, balance: '0' });
  }
  const extension = await Extension.connected(provider);
  let spent = 0;
  for (const [name, [assetCode, , least]] of Object.entries(sites)) {
    await row(`a page that is paid in ${assetCode}`, async () => {
      const receiver = await extension.visit(`${provider.url}/${name}`);
      const { value, probed, quote } = await extension.probe(receiver);
      assert.equal(value, least);
      // The hint is exact: it is not below what arrives, and one less does not.
      assert.deepEqual(probed, least === 1 ? [1] : [1, least]);
      if (least > 1) means(await extension.quote(receiver, least - 1), 'too small');
      assert.equal(quote.receiveAmount.value, '1');
      for (let tick = 0; tick < 10; tick += 1) {
        const payment = succeeded(201, await extension.pay(receiver, value));
        spent += value;
        // Without sentAmount the extension would take the payment for failed and try with more.
        assert.deepEqual([payment.debitAmount, payment.sentAmount], [cad(value), cad(value)]);
        assert.equal(payment.failed, false);
        assert.deepEqual(payment.grantSpentDebitAmount, cad(spent));
        const seen = succeeded(200, await extension.send('GET', payment.id, { token: extension.token.value }));
        assert.deepEqual(seen.sentAmount, cad(value));
      }
      assert.equal(await provider.balance(name), 10);
    });
  }
  assert.equal(await provider.balance('alice'), 50000 - spent);
});

scenario('the budget', async (provider, row) => {
  await provider.account('news', { balance: '0' });
  const extension = await Extension.connected(provider, { budget: 100, balance: '150' });
  let receiver = await extension.visit(`${provider.url}/news`);

  await row('is all there is in a month', async () => {
    succeeded(201, await extension.pay(receiver, 99));
    assert.equal(means(await extension.pay(receiver, 2), 'out of budget or money').code, 'limit_exceeded');
    succeeded(201, await extension.pay(receiver, 1));
    means(await extension.pay(receiver, 1), 'out of budget or money');
  });
  await row('is there again in the next, as far as there is money', async () => {
    await provider.advance('P1M');
    succeeded(200, await extension.rotate());
    receiver = await extension.visit(`${provider.url}/news`);
    assert.equal(means(await extension.pay(receiver, 51), 'out of budget or money').code, 'insufficient_funds');
    const payment = succeeded(201, await extension.pay(receiver, 50));
    assert.deepEqual(payment.grantSpentDebitAmount, cad(50));
    assert.equal(await provider.balance('alice'), 0);
  });
});

scenario('things that come to an end', async (provider, row) => {
  await provider.account('news', { balance: '0' });
  const extension = await Extension.connected(provider);
  const receiver = await extension.visit(`${provider.url}/news`);

  await row('the token and the incoming payment, after ten minutes', async () => {
    const expired = extension.token;
    await provider.advance('PT10M');
    means(await extension.pay(receiver, 1), 'token inactive');
    means(await extension.quote(receiver, 1), 'token inactive');
    succeeded(200, await extension.rotate());
    means(await extension.pay(receiver, 1), 'receiver gone');
    means(await extension.quote(receiver, 1), 'receiver gone');
    succeeded(201, await extension.pay(await extension.visit(`${provider.url}/news`), 1));
    means(await extension.pay(receiver, 1, { token: expired.value }), 'token inactive');
  });
  await row('a token that never was', async () => {
    means(await extension.pay(receiver, 1, { token: randomUUID() }), 'token invalid');
  });
  await row('a token after months of rest', async () => {
    await provider.advance('P15M');
    succeeded(200, await extension.rotate());
    succeeded(201, await extension.pay(await extension.visit(`${provider.url}/news`), 1));
  });
  await row('what the token does not allow', async () => {
    const token = extension.token.value;
    const body = { walletAddress: `${provider.url}/news` };
    const answer = await extension.send('POST', `${provider.resource}/incoming-payments`, { token, body });
    means(answer, 'permissions missing');
  });
  await row('the grant, when the person disconnects', async () => {
    const token = extension.continuation.access_token.value;
    succeeded(204, await extension.send('DELETE', extension.continuation.uri, { token }));
    means(await extension.pay(receiver, 1), 'token inactive');
    refused(await extension.rotate(), { status: 400, code: 'invalid_rotation' });
  });
});

scenario('a key that the person has revoked', async (provider, row) => {
  await provider.account('news', { balance: '0' });
  const extension = await Extension.connected(provider);
  const receiver = await extension.visit(`${provider.url}/news`);
  const continued = { token: extension.continuation.access_token.value };
  await extension.revokeKey();

  await row('is told so by the resource server', async () => {
    for (const answer of [await extension.pay(receiver, 1), await extension.quote(receiver, 1)]) {
      means(answer, 'key revoked');
      refused(answer, { status: 401, description: /^Signature validation error/ });
    }
  });
  await row('is told so by the authorization server', async () => {
    const { answer } = await extension.askToConnect(100);
    const told = { status: 400, code: 'invalid_client' };
    refused(answer, told);
    refused(await extension.rotate(), told);
  });
  await row('does not continue or cancel anything', async () => {
    for (const method of ['POST', 'DELETE']) {
      const answer = await extension.send(method, extension.continuation.uri, continued);
      refused(answer, { status: 400, code: 'invalid_client' });
    }
  });
  await row('works again when it is added again under its old name', async () => {
    await extension.addKey();
    succeeded(201, await extension.pay(receiver, 1));
    succeeded(200, await extension.rotate());
  });
  await row('is not replaced by another one of the same name', async () => {
    await extension.revokeKey();
    extension.key = newKey(extension.key.kid);
    await extension.addKey();
    means(await extension.pay(receiver, 1), 'key revoked');
  });
});

scenario('a broken signature is not taken for a revoked key', async (provider, row) => {
  await provider.account('news', { balance: '0' });
  const extension = await Extension.connected(provider);
  const receiver = await extension.visit(`${provider.url}/news`);
  const without = (name) => (headers) =>
    Object.fromEntries(Object.entries(headers).filter(([key]) => key.toLowerCase() !== name));
  const faults = {
    'no Signature': without('signature'),
    'no Signature-Input': without('signature-input'),
    'Signature: empty': (headers) => ({ ...headers, Signature: '' }),
    'Signature: undefined': (headers) => ({ ...headers, Signature: 'undefined' }),
    'Signature: no bytes': (headers) => ({ ...headers, Signature: 'sig1=:' }),
    'Signature: another label': (headers) => ({ ...headers, Signature: headers.Signature.replace('sig1=', 'sig2=') }),
    'Signature-Input: half of it': (headers) => ({
      ...headers,
      'Signature-Input': headers['Signature-Input'].slice(0, 20),
    }),
  };
  for (const [name, spoil] of Object.entries(faults)) {
    await row(name, async () => {
      means(await extension.pay(receiver, 1, { spoil }), 'unknown');
      const { token } = extension;
      const url = token.manage;
      for (const answer of [
        await extension.send('POST', url, { token: token.value, spoil }),
        await extension.send('POST', provider.auth, {
          body: { client: extension.person.walletAddress, access_token: { access: [access.quote()] } },
          spoil,
        }),
      ]) {
        means(answer, 'unknown');
        refused(answer, { status: 401, code: 'invalid_client' });
      }
    });
  }
  await row('and the next try is as good as any', async () => {
    succeeded(201, await extension.pay(receiver, 1));
  });
});

scenario('requests that say they come from an extension', async (provider, row) => {
  const extension = await Extension.connected(provider);
  await provider.account('news');
  for (const origin of ORIGINS) {
    await row(origin, async () => {
      extension.origin = origin;
      const receiver = await extension.visit(`${provider.url}/news`);
      succeeded(201, await extension.quote(receiver, 1));
      succeeded(201, await extension.pay(receiver, 1));
      succeeded(200, await extension.rotate());
    });
  }
});
