// Wallet addresses, incoming payments, quotes and outgoing payments: what is answered, and what is refused and how.

import assert from 'node:assert/strict';
import { access, cad, RawClient, refused, succeeded } from './support/clients.mjs';
import { send } from './support/http.mjs';
import { scenario } from './support/provider.mjs';

const usd = (value) => ({ value: String(value), assetCode: 'USD', assetScale: 2 });

const NOT_FOUND = { status: 404 };
const TOO_LITTLE_ACCESS = { status: 403, code: 'insufficient_grant', description: 'Insufficient Grant' };
const INVALID = { status: 400, description: /./ };
const INVALID_RECEIVER = { status: 400, code: 'invalid_receiver', description: 'invalid receiver' };
/** Deployed clients match the description; the code says which of the reasons it is. */
const unauthorized = (code) => ({ status: 403, code, description: 'unauthorized' });

/** A client, a payer in CAD, and receivers in CAD and USD. */
async function world(provider, balance) {
  const app = await RawClient.register(provider, 'app');
  const wallets = {};
  for (const [name, details] of Object.entries({
    alice: { balance },
    bob: { balance: '0' },
    carol: { assetCode: 'USD', balance: '0' },
  })) {
    wallets[name] = (await provider.account(name, details)).walletAddress;
  }
  return { app, ...wallets };
}

/** What the client can do to a resource server with two tokens. */
async function payer(app, wallet, limits) {
  const quoteToken = await app.token(access.quote());
  const token = await app.consentedToken(access.outgoing(wallet, limits));
  return {
    token,
    quoteToken,
    quote: (receiver, amounts, more) =>
      app.create('quotes', quoteToken, { walletAddress: wallet, receiver, method: 'ilp', ...amounts, ...more }),
    pay: (receiver, debit) =>
      app.create('outgoing-payments', token, {
        walletAddress: wallet,
        incomingPayment: receiver,
        debitAmount: typeof debit === 'object' ? debit : cad(debit),
      }),
    payQuote: (quoteId) => app.create('outgoing-payments', token, { walletAddress: wallet, quoteId }),
    spent: () => app.read(token, `${app.provider.resource}/outgoing-payment-grant`),
  };
}

scenario('wallet addresses', async (provider, row) => {
  const app = await RawClient.register(provider, 'app');
  const alice = (await provider.account('alice', { publicName: 'Alice’s purse' })).walletAddress;
  const get = (url) => app.deliver('GET', url);

  await row('the document', async () => {
    const answer = await get(alice);
    assert.deepEqual(succeeded(200, answer), {
      id: alice,
      publicName: 'Alice’s purse',
      assetCode: 'CAD',
      assetScale: 2,
      authServer: provider.auth,
      resourceServer: provider.resource,
    });
    assert.match(answer.headers['cache-control'], /max-age=\d/);
  });
  await row('in any case, the same document', async () => {
    for (const spelled of [`${provider.url}/ALICE`, `${provider.url}/Alice/`]) {
      assert.equal(succeeded(200, await get(spelled)).id, alice);
    }
    const token = await app.token(access.incoming(`${provider.url}/Alice`));
    assert.equal(token.access[0].identifier, alice);
  });
  await row('keys: none', async () => {
    assert.deepEqual(succeeded(200, await get(`${alice}/jwks.json`)), { keys: [] });
  });
  await row('the DID document', async () => {
    succeeded(200, await get(`${alice}/did.json`));
  });
  await row('methods that are not there', async () => {
    for (const url of [alice, `${alice}/jwks.json`, provider.resource + '/quotes', provider.auth]) {
      const answer = await send('PUT', url);
      refused(answer, { status: 405 });
      assert.ok(answer.headers.allow, `${url} does not say which methods it has (RFC 9110, section 15.5.6)`);
    }
  });
  await row('names that would hide the address behind another document', async () => {
    for (const name of ['jwks.json', 'did.json']) {
      const account = { name, assetCode: 'CAD', assetScale: 2, password: name };
      const made = await send('POST', `${provider.url}/sandbox/accounts`, { body: JSON.stringify(account) });
      if (made.status === 400) continue;
      succeeded(200, await send('GET', succeeded(201, made).walletAddress));
    }
  });
  await row('nobody', async () => {
    for (const path of ['nobody', 'nobody/jwks.json', 'alice/nothing', 'nobody/did.json']) {
      refused(await get(`${provider.url}/${path}`), NOT_FOUND);
    }
  });
});

scenario('callers that are not let in', async (provider, row) => {
  const { app, alice, bob } = await world(provider);
  const token = await app.token(access.incoming(bob));
  const payment = succeeded(201, await app.create('incoming-payments', token, { walletAddress: bob }));
  const nothing = '00000000-0000-7000-8000-000000000000';
  const body = { walletAddress: bob };
  const operations = [
    ['POST', 'incoming-payments', body],
    ['GET', `incoming-payments/${payment.id.split('/').pop()}`],
    ['POST', `incoming-payments/${nothing}/complete`],
    ['POST', 'quotes', { walletAddress: alice, receiver: payment.id, method: 'ilp', debitAmount: cad(1) }],
    ['GET', `quotes/${nothing}`],
    ['POST', 'outgoing-payments', { walletAddress: alice, incomingPayment: payment.id, debitAmount: cad(1) }],
    ['GET', `outgoing-payments/${nothing}`],
    ['GET', 'outgoing-payment-grant'],
  ];
  const asked = (answer) => {
    const challenge = answer.headers['www-authenticate'] ?? '';
    assert.ok(challenge.startsWith('GNAP ') && challenge.includes(`as_uri=${provider.auth}`), challenge);
  };
  for (const [method, path, ask] of operations) {
    const url = `${provider.resource}/${path}`;
    const isPublic = path === operations[1][1];
    await row(`${method} ${isPublic ? 'incoming-payments, which is public without a token' : path}`, async () => {
      const none = await app.send(method, url, { body: ask });
      if (isPublic) {
        succeeded(200, none);
      } else {
        refused(none, { status: 401 });
        asked(none);
      }
      for (const authorization of [`Bearer ${token.value}`, 'GNAP', 'GNAP ', token.value, '']) {
        const answer = await app.send(method, url, { body: ask, headers: { authorization } });
        refused(answer, { status: 401 });
        asked(answer);
      }
      const unknown = await app.send(method, url, { body: ask, token: 'made-up' });
      refused(unknown, { status: 401, code: 'invalid_token', description: 'Invalid Token' });
      asked(unknown);
      const continuation = (await app.request({ access_token: { access: [access.quote()] } })).json.continue;
      const wrongKind = await app.send(method, url, { body: ask, token: continuation.access_token.value });
      refused(wrongKind, { status: 401, description: 'Invalid Token' });
    });
  }
  const inactive = { status: 403, code: 'inactive_token', description: 'Inactive Token' };
  await row('with a revoked token', async () => {
    const revoked = await app.token(access.incoming(bob));
    succeeded(204, await app.revoke(revoked));
    refused(await app.create('incoming-payments', revoked, body), inactive);
    refused(await app.read(revoked, payment.id), inactive);
  });
  await row('with an expired token', async () => {
    await provider.advance('PT9M50S');
    succeeded(200, await app.read(token, payment.id));
    await provider.advance('PT10S');
    refused(await app.read(token, payment.id), inactive);
  });
});

scenario('callers whose token allows something else', async (provider, row) => {
  const { app, alice, bob } = await world(provider);
  const payment = await app.incoming(bob);
  const reading = await app.token(access.incoming(bob, ['read']));
  const quoting = await app.token(access.quote(['create']));
  const spending = await app.consentedToken(access.outgoing(alice, undefined, ['create']));
  const seeing = await app.consentedToken(access.outgoing(alice, undefined, ['read']));
  const ask = { walletAddress: alice, receiver: payment.id, method: 'ilp', debitAmount: cad(1) };
  const quote = succeeded(201, await app.create('quotes', quoting, ask));
  const how = { walletAddress: alice, incomingPayment: payment.id, debitAmount: cad(1) };
  const made = succeeded(201, await app.create('outgoing-payments', spending, how));
  const grant = `${provider.resource}/outgoing-payment-grant`;

  const attempts = {
    'create an incoming payment': () => app.create('incoming-payments', reading, { walletAddress: bob }),
    'create one at another wallet': () => app.create('incoming-payments', reading, { walletAddress: alice }),
    'complete an incoming payment': () => app.send('POST', `${payment.id}/complete`, { token: reading.value }),
    'read an incoming payment': () => app.read(quoting, payment.id),
    'create a quote': () => app.create('quotes', reading, ask),
    'read a quote': () => app.read(quoting, quote.id),
    'pay, when it may only read': () => app.create('outgoing-payments', seeing, how),
    'pay from another wallet': () => app.create('outgoing-payments', spending, { ...how, walletAddress: bob }),
    'pay with a token for quotes': () => app.create('outgoing-payments', quoting, how),
    'read an outgoing payment': () => app.read(spending, made.id),
    'ask what was spent': () => app.read(seeing, grant),
  };
  for (const [name, attempt] of Object.entries(attempts)) {
    await row(name, async () => refused(await attempt(), TOO_LITTLE_ACCESS));
  }
});

scenario('what is not there, or not for everybody', async (provider, row) => {
  const { app, alice, bob } = await world(provider);
  const other = await RawClient.register(provider, 'other');
  const mine = await payer(app, alice);
  const incoming = await app.incoming(bob);
  const quote = succeeded(201, await mine.quote(incoming.id, { debitAmount: cad(1) }));
  const outgoing = succeeded(201, await mine.pay(incoming.id, 1));
  const kinds = {
    'incoming-payments': [incoming, (one, actions) => one.token(access.incoming(bob, actions))],
    quotes: [quote, (one, actions) => one.token(access.quote(actions))],
    'outgoing-payments': [outgoing, (one, actions) => one.consentedToken(access.outgoing(alice, undefined, actions))],
  };
  for (const [kind, [resource, token]] of Object.entries(kinds)) {
    await row(kind, async () => {
      const [own, theirs, all] = [
        await token(app, ['read']),
        await token(other, ['read']),
        await token(other, ['read-all']),
      ];
      assert.equal(succeeded(200, await app.read(own, resource.id)).id, resource.id);
      refused(await other.read(theirs, resource.id), NOT_FOUND);
      assert.equal(succeeded(200, await other.read(all, resource.id)).id, resource.id);
      for (const id of ['00000000-0000-7000-8000-000000000000', 'no-id', '%00', `${'9'.repeat(300)}`]) {
        refused(await app.read(own, `${provider.resource}/${kind}/${id}`), NOT_FOUND);
      }
    });
  }
  await row('incoming payments, without a token', async () => {
    const url = `${provider.resource}/incoming-payments/00000000-0000-7000-8000-000000000000`;
    refused(await app.deliver('GET', url), NOT_FOUND);
  });
  await row('a client that is only a key sees what it has made, no more', async () => {
    const [one, two] = [new RawClient(provider), new RawClient(provider)];
    const token = async (client, actions) => {
      const request = { client: { jwk: client.key.jwk }, access_token: { access: [access.incoming(bob, actions)] } };
      return succeeded(200, await client.request(request)).access_token;
    };
    const made = succeeded(201, await one.create('incoming-payments', await token(one), { walletAddress: bob }));
    succeeded(200, await one.read(await token(one), made.id));
    refused(await two.read(await token(two), made.id), NOT_FOUND);
    refused(await one.read(await token(one), incoming.id), NOT_FOUND);
    refused(await app.read(await app.token(access.incoming(bob)), made.id), NOT_FOUND);
    succeeded(200, await app.read(await app.token(access.incoming(bob, ['read-all'])), made.id));
  });
});

scenario('incoming payments', async (provider, row) => {
  const { app, alice, bob } = await world(provider);
  const token = await app.token(access.incoming(bob));
  const create = (rest) => app.create('incoming-payments', token, { walletAddress: bob, ...rest });
  const complete = (one, id, held) => one.send('POST', `${id}/complete`, { token: held.value });
  const { pay } = await payer(app, alice);

  await row('live 30 days at most', async () => {
    const lasts = ({ createdAt, expiresAt }) => (Date.parse(expiresAt) - Date.parse(createdAt)) / 86_400_000;
    const { createdAt, expiresAt } = succeeded(201, await create());
    assert.ok(lasts({ createdAt, expiresAt }) <= 30, expiresAt);
    const long = await create({ expiresAt: '2160-01-01T00:00:00Z' });
    if (long.status === 400) refused(long, INVALID);
    else assert.ok(lasts(succeeded(201, long)) <= 30, long.text);
    const short = succeeded(201, await create({ expiresAt: '2060-05-21T00:00:00+02:00' }));
    assert.equal(Date.parse(short.expiresAt), Date.parse('2060-05-20T22:00:00Z'));
  });
  await row('do not end before they begin', async () => {
    refused(await create({ expiresAt: '2060-05-20T11:59:00Z' }), INVALID);
    refused(await create({ expiresAt: 'tomorrow' }), INVALID);
  });
  await row('are in the asset of the wallet', async () => {
    for (const wrong of [usd(1), { ...cad(1), assetScale: 3 }, { ...cad(1), assetCode: 'cad' }]) {
      refused(await create({ incomingAmount: wrong }), INVALID);
    }
  });
  const values = ['-1', '+1', '1.5', '01', ' 1', '1 ', '1e3', '', '0x10', '١', '9223372036854775808', 1, null];
  for (const value of values) {
    await row(`are no ${JSON.stringify(value)}`, async () => {
      const { description } = refused(await create({ incomingAmount: { ...cad(1), value } }), INVALID);
      if (value === '9223372036854775808') assert.match(description, /9223372036854775807|2\^63|2⁶³/);
    });
  }
  await row('are as large as amounts can be', async () => {
    const most = cad('9223372036854775807');
    assert.deepEqual(succeeded(201, await create({ incomingAmount: most })).incomingAmount, most);
  });
  await row('are at wallets of this provider', async () => {
    for (const walletAddress of [`${provider.url}/nobody`, 'https://wallet.example/bob', 'bob', '']) {
      const answer = await app.create('incoming-payments', token, { walletAddress });
      assert.ok([400, 403].includes(answer.status), answer.text);
    }
    refused(await app.create('incoming-payments', token, {}), INVALID);
  });
  await row('show to anybody what they have received', async () => {
    const payment = succeeded(201, await create());
    succeeded(201, await pay(payment.id, 7));
    const seen = succeeded(200, await app.deliver('GET', payment.id));
    assert.deepEqual(seen, { receivedAmount: cad(7), authServer: provider.auth });
  });
  await row('are completed by reaching their amount, and take no more', async () => {
    const payment = succeeded(201, await create({ incomingAmount: cad(100) }));
    assert.equal(payment.completed, false);
    succeeded(201, await pay(payment.id, 60));
    refused(await pay(payment.id, 41), { status: 400 });
    const partly = succeeded(200, await app.read(token, payment.id));
    assert.deepEqual([partly.completed, partly.receivedAmount], [false, cad(60)]);
    succeeded(201, await pay(payment.id, 40));
    const full = succeeded(200, await app.read(token, payment.id));
    assert.deepEqual([full.completed, full.receivedAmount, full.methods], [true, cad(100), []]);
    refused(await pay(payment.id, 1), INVALID_RECEIVER);
    refused(await complete(app, payment.id, token), { status: 409 });
  });
  await row('take no more than their amount when many pay at once', async () => {
    const payment = succeeded(201, await create({ incomingAmount: cad(100) }));
    const answers = await Promise.all(Array.from({ length: 6 }, () => pay(payment.id, 30)));
    assert.equal(answers.filter(({ status }) => status === 201).length, 3);
    assert.deepEqual(succeeded(200, await app.read(token, payment.id)).receivedAmount, cad(90));
  });
  await row('are completed by the client that made them', async () => {
    const payment = succeeded(201, await create());
    const completed = succeeded(200, await complete(app, payment.id, token));
    assert.equal(completed.completed, true);
    assert.equal(completed.methods, undefined);
    refused(await complete(app, payment.id, token), { status: 409 });
    refused(await pay(payment.id, 1), INVALID_RECEIVER);
  });
  await row('are completed by the owner of the wallet, but by nobody else', async () => {
    const payment = succeeded(201, await create());
    const other = await RawClient.register(provider, 'other');
    const theirs = await complete(other, payment.id, await other.token(access.incoming(bob)));
    assert.ok([403, 404].includes(theirs.status), theirs.text);
    const owner = new RawClient(provider, { wallet: bob });
    await provider.addKey('bob', owner.key.jwk);
    succeeded(200, await complete(owner, payment.id, await owner.token(access.incoming(bob))));
  });
  await row('stay readable when they have expired', async () => {
    const payment = succeeded(201, await create({ expiresAt: '2060-05-20T12:08:00Z' }));
    await provider.set('2060-05-20T12:08:00Z');
    assert.deepEqual(succeeded(200, await app.read(token, payment.id)).methods, []);
    succeeded(200, await app.deliver('GET', payment.id));
    refused(await complete(app, payment.id, token), { status: 409 });
    refused(await pay(payment.id, 1), INVALID_RECEIVER);
  });
});

scenario('quotes', async (provider, row) => {
  const { app, alice, bob, carol } = await world(provider);
  const { quote, payQuote, quoteToken } = await payer(app, alice);
  const open = await app.incoming(carol);

  await row('bind for five minutes', async () => {
    const made = succeeded(201, await quote(open.id, { debitAmount: cad(125) }));
    assert.equal(Date.parse(made.expiresAt) - Date.parse(made.createdAt), 300_000);
    assert.deepEqual([made.method, made.receiver, made.walletAddress], ['ilp', open.id, alice]);
    assert.deepEqual(succeeded(200, await app.read(quoteToken, made.id)), made);
  });
  await row('between wallets of one asset cost nothing', async () => {
    const same = await app.incoming(bob);
    const made = succeeded(201, await quote(same.id, { debitAmount: cad(101) }));
    assert.deepEqual(made.receiveAmount, cad(101));
  });
  await row('round in the provider’s favour, by less than a unit', async () => {
    // One US cent costs 1.25 Canadian ones.
    for (const [debit, receive] of [
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 4],
      [6, 4],
      [124, 99],
      [125, 100],
    ]) {
      const made = succeeded(201, await quote(open.id, { debitAmount: cad(debit) }));
      assert.deepEqual(made.receiveAmount, usd(receive), `for ${debit}`);
    }
    for (const [receive, debit] of [
      [1, 2],
      [2, 3],
      [3, 4],
      [4, 5],
      [5, 7],
      [100, 125],
    ]) {
      const made = succeeded(201, await quote(open.id, { receiveAmount: usd(receive) }));
      assert.deepEqual(made.debitAmount, cad(debit), `for ${receive}`);
    }
  });
  await row('say what is the least that arrives', async () => {
    const { details } = refused(await quote(open.id, { debitAmount: cad(1) }), {
      status: 400,
      code: 'amount_too_small',
      description: /non-positive receive amount/,
    });
    assert.deepEqual(details.minSendAmount, cad(2));
    succeeded(201, await quote(open.id, { debitAmount: details.minSendAmount }));
    for (const nothing of [{ debitAmount: cad(0) }, { receiveAmount: usd(0) }]) {
      refused(await quote(open.id, nothing), { status: 400, description: /non-positive receive amount/ });
    }
  });
  await row('deliver what is missing', async () => {
    const wanting = await app.incoming(carol, { incomingAmount: usd(100) });
    const part = succeeded(201, await quote(wanting.id, { receiveAmount: usd(40) }));
    succeeded(201, await payQuote(part.id));
    const rest = succeeded(201, await quote(wanting.id));
    assert.deepEqual([rest.receiveAmount, rest.debitAmount], [usd(60), cad(75)]);
    succeeded(201, await payQuote(rest.id));
    refused(await quote(wanting.id), INVALID_RECEIVER);
  });
  const nonsense = {
    'both amounts': { debitAmount: cad(1), receiveAmount: usd(1) },
    'no amount, to a receiver without one': {},
    'the asset of the receiver for the payer': { debitAmount: usd(1) },
    'the asset of the payer for the receiver': { receiveAmount: cad(1) },
    'another method': { debitAmount: cad(5), method: 'pigeon' },
    'no number': { debitAmount: cad('five') },
  };
  for (const [name, amounts] of Object.entries(nonsense)) {
    await row(`are refused: ${name}`, async () => {
      refused(await quote(open.id, amounts), INVALID);
    });
  }
  const nowhere = {
    unknown: () => `${provider.resource}/incoming-payments/00000000-0000-7000-8000-000000000000`,
    'of a form that is not ours': () => `${provider.resource}/incoming-payments/made-up`,
    'of another provider that is not there': () => 'http://127.0.0.1:1/op/incoming-payments/1',
    completed: async () => {
      const token = await app.token(access.incoming(bob));
      const { id } = succeeded(201, await app.create('incoming-payments', token, { walletAddress: bob }));
      succeeded(200, await app.send('POST', `${id}/complete`, { token: token.value }));
      return id;
    },
    // The last row, since it moves the clock.
    expired: async () => {
      const { id } = await app.incoming(bob, { expiresAt: '2060-05-20T12:01:00Z' });
      await provider.set('2060-05-20T12:01:00Z');
      return id;
    },
  };
  for (const [name, make] of Object.entries(nowhere)) {
    await row(`to a receiver that is ${name}`, async () => {
      refused(await quote(await make(), { debitAmount: cad(1) }), INVALID_RECEIVER);
    });
  }
});

scenario('outgoing payments', async (provider, row) => {
  const { app, alice, bob, carol } = await world(provider, '1000');
  const free = await payer(app, alice);
  const open = await app.incoming(bob);

  await row('are created with everything that clients look at', async () => {
    const metadata = { order: 42 };
    const body = { walletAddress: alice, incomingPayment: open.id, debitAmount: cad(10), metadata };
    const made = succeeded(201, await app.create('outgoing-payments', free.token, body));
    const { id, createdAt, sentAmount, ...rest } = made;
    assert.deepEqual(rest, {
      walletAddress: alice,
      receiver: open.id,
      failed: false,
      debitAmount: cad(10),
      receiveAmount: cad(10),
      grantSpentDebitAmount: cad(10),
      grantSpentReceiveAmount: cad(10),
      metadata,
    });
    assert.ok(id.startsWith(`${provider.resource}/outgoing-payments/`), id);
    assert.ok(BigInt(sentAmount.value) <= 10n);
    assert.match(createdAt, /^2060-05-20T12:0\d:/);
    const seen = succeeded(200, await app.read(free.token, id));
    assert.deepEqual(seen.sentAmount, cad(10));
    assert.deepEqual(seen.metadata, metadata);
  });
  await row('add up under their grant', async () => {
    const own = await payer(app, alice, { debitAmount: cad(100) });
    assert.deepEqual(succeeded(200, await own.spent()), { spentDebitAmount: null, spentReceiveAmount: null });
    succeeded(201, await own.pay(open.id, 10));
    const second = succeeded(201, await own.pay(open.id, 20));
    assert.deepEqual([second.grantSpentDebitAmount, second.grantSpentReceiveAmount], [cad(30), cad(30)]);
    assert.deepEqual(succeeded(200, await own.spent()), { spentDebitAmount: cad(30), spentReceiveAmount: cad(30) });
  });
  const refusals = {
    'above a debit limit': [{ debitAmount: cad(100) }, () => [open.id, 101], 'limit_exceeded'],
    'above a receive limit': [
      { receiveAmount: usd(8) },
      async () => [(await app.incoming(carol)).id, 12],
      'limit_exceeded',
    ],
    'in another asset than a receive limit': [{ receiveAmount: usd(8) }, () => [open.id, 1], 'limit_exceeded'],
    'before the first window': [
      { debitAmount: cad(100), interval: 'R3/2060-05-20T23:00:00Z/P1D' },
      () => [open.id, 1],
      'outside_interval',
    ],
    'outside of windows without an amount': [
      { interval: 'R1/2060-05-20T23:00:00Z/P1D' },
      () => [open.id, 1],
      'outside_interval',
    ],
    'to another receiver': [
      { receiver: `${provider.resource}/incoming-payments/00000000-0000-7000-8000-000000000000` },
      () => [open.id, 1],
      'receiver_not_allowed',
    ],
    'without enough money': [undefined, () => [open.id, 1_000_000], 'insufficient_funds'],
  };
  for (const [name, [limits, make, code]] of Object.entries(refusals)) {
    await row(`are not made ${name}`, async () => {
      const { pay, spent } = await payer(app, alice, limits);
      const before = await provider.balance('alice');
      refused(await pay(...(await make())), unauthorized(code));
      assert.equal(await provider.balance('alice'), before);
      assert.deepEqual(succeeded(200, await spent()), { spentDebitAmount: null, spentReceiveAmount: null });
    });
  }
  await row('reach a receive limit exactly', async () => {
    const { pay } = await payer(app, alice, { receiveAmount: usd(8) });
    const toCarol = await app.incoming(carol);
    succeeded(201, await pay(toCarol.id, 10));
    refused(await pay(toCarol.id, 2), unauthorized('limit_exceeded'));
  });
  await row('are free of limits inside of windows without an amount', async () => {
    const { pay } = await payer(app, alice, { interval: 'R1/2060-05-20T00:00:00Z/P1D' });
    succeeded(201, await pay(open.id, 100));
  });
  await row('never exceed a limit when many are made at once', async () => {
    const { pay, spent } = await payer(app, alice, { debitAmount: cad(100) });
    const answers = await Promise.all(Array.from({ length: 10 }, () => pay(open.id, 30)));
    assert.equal(answers.filter(({ status }) => status === 201).length, 3);
    assert.deepEqual(succeeded(200, await spent()).spentDebitAmount, cad(90));
  });
  await row('of nothing are not made', async () => {
    const toCarol = await app.incoming(carol);
    const { details } = refused(await free.pay(toCarol.id, 1), {
      status: 400,
      description: /non-positive receive amount/,
    });
    assert.deepEqual(details.minSendAmount, cad(2));
  });
  await row('in the wrong asset are not made', async () => {
    refused(await free.pay(open.id, usd(1)), INVALID);
  });
  const receivers = {
    unknown: `${provider.resource}/incoming-payments/00000000-0000-7000-8000-000000000000`,
    'of no form': 'made-up',
    'of this provider’s ids at another': `https://wallet.example/incoming-payments/${open.id.split('/').pop()}`,
  };
  for (const [name, receiver] of Object.entries(receivers)) {
    await row(`to a receiver ${name}`, async () => refused(await free.pay(receiver, 1), INVALID_RECEIVER));
  }
  await row('from a quote, once', async () => {
    const quote = succeeded(201, await free.quote(open.id, { debitAmount: cad(10) }));
    const answers = await Promise.all(Array.from({ length: 4 }, () => free.payQuote(quote.id)));
    const [made, ...none] = answers.sort((a, b) => a.status - b.status);
    assert.equal(succeeded(201, made).quoteId, quote.id);
    for (const answer of none) refused(answer, INVALID);
  });
  await row('from no quote', async () => {
    for (const quoteId of [`${provider.resource}/quotes/00000000-0000-7000-8000-000000000000`, 'made-up', open.id]) {
      refused(await free.payQuote(quoteId), INVALID);
    }
  });
  await row('from another client’s quote', async () => {
    const quote = succeeded(201, await free.quote(open.id, { debitAmount: cad(10) }));
    const other = await RawClient.register(provider, 'other');
    refused(await (await payer(other, alice)).payQuote(quote.id), INVALID);
    succeeded(201, await free.payQuote(quote.id));
  });
  const bodies = {
    nothing: {},
    'no receiver': { walletAddress: alice, debitAmount: cad(1) },
    'no amount': { walletAddress: alice, incomingPayment: open.id },
    'no wallet': { incomingPayment: open.id, debitAmount: cad(1) },
  };
  for (const [name, body] of Object.entries(bodies)) {
    await row(`are refused: ${name}`, async () => {
      refused(await app.create('outgoing-payments', free.token, body), INVALID);
    });
  }
  await row('from an expired quote', async () => {
    const quote = succeeded(201, await free.quote(open.id, { debitAmount: cad(10) }));
    await provider.advance('PT5M');
    refused(await free.payQuote(quote.id), INVALID);
  });
});

scenario('repeated requests with an idempotency key', async (provider, row) => {
  const { app, alice, bob } = await world(provider);
  const { token, quoteToken } = await payer(app, alice);
  const incomingToken = await app.token(access.incoming(bob));
  const open = await app.incoming(bob);
  const requests = {
    'incoming-payments': [incomingToken, { walletAddress: bob, incomingAmount: cad(5) }, { incomingAmount: cad(6) }],
    quotes: [
      quoteToken,
      { walletAddress: alice, receiver: open.id, method: 'ilp', debitAmount: cad(5) },
      { debitAmount: cad(6) },
    ],
    'outgoing-payments': [
      token,
      { walletAddress: alice, incomingPayment: open.id, debitAmount: cad(5) },
      { debitAmount: cad(6) },
    ],
  };
  for (const [kind, [held, body, change]] of Object.entries(requests)) {
    await row(kind, async () => {
      const key = { 'idempotency-key': `one-${kind}` };
      const before = await provider.balance('alice');
      const first = await app.create(kind, held, body, key);
      const repeated = await Promise.all([1, 2, 3].map(() => app.create(kind, held, body, key)));
      for (const again of repeated) assert.deepEqual(succeeded(201, again), succeeded(201, first));
      refused(await app.create(kind, held, { ...body, ...change }, key), { status: 409 });
      const spent = before - (await provider.balance('alice'));
      assert.equal(spent, kind === 'outgoing-payments' ? 5 : 0);
      // Another key, another client, or no key: another resource.
      const other = await app.create(kind, held, body, { 'idempotency-key': `two-${kind}` });
      assert.notEqual(succeeded(201, other).id, first.json.id);
      assert.notEqual(succeeded(201, await app.create(kind, held, body)).id, first.json.id);
    });
  }
  await row('are remembered for a day', async () => {
    const key = { 'idempotency-key': 'day' };
    const body = { walletAddress: bob };
    const first = succeeded(201, await app.create('incoming-payments', incomingToken, body, key));
    await provider.advance('PT23H');
    const renewed = succeeded(200, await app.rotate(incomingToken)).access_token;
    assert.deepEqual(succeeded(201, await app.create('incoming-payments', renewed, body, key)), first);
  });
});
