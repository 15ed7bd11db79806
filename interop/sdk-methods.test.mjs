// Every method that the official TypeScript client has, served and refused. Which ones there are is asked of the
// client itself, and that each was called is noted by a proxy around it.

import assert from 'node:assert/strict';
import { createUnauthenticatedClient } from '@interledger/open-payments';
import { cad, comingBack, officialApp } from './support/clients.mjs';
import { accessTo, ask, fails, finish, mandate, token } from './support/official.mjs';
import { scenario } from './support/provider.mjs';

/** The methods of a client, as in `quote.create`. */
const methods = (client) =>
  Object.entries(client).flatMap(([route, calls]) => Object.keys(calls).map((method) => `${route}.${method}`));

/** The client, with a note of how each method has ended: `served`, or `refused` by a server. */
function noted(client, notes) {
  const route = (name, calls) =>
    new Proxy(calls, {
      get: (target, method) => async (...words) => {
        const ends = (notes[`${name}.${method}`] ??= new Set());
        try {
          const answer = await target[method](...words);
          ends.add('served');
          return answer;
        } catch (error) {
          if (error.status >= 400) ends.add('refused');
          throw error;
        }
      },
    });
  return new Proxy(client, { get: (target, name) => (name in target ? route(name, target[name]) : undefined) });
}

/** Two apps, people, and one of each resource. */
async function world(provider) {
  const [app, other] = [await officialApp(provider, 'app'), await officialApp(provider, 'other')];
  for (const name of ['alice', 'bob']) await provider.account(name);
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((name) => app.client.walletAddress.get({ url: `${provider.url}/${name}` })),
  );
  const at = { url: bob.resourceServer };
  const incomingItem = (actions) => ({ type: 'incoming-payment', actions, identifier: bob.id });
  const incomingToken = (actions, one = app) => token(one, bob, incomingItem(actions));
  const quoteToken = (actions, one = app) => token(one, alice, { type: 'quote', actions });
  const outgoingToken = async (actions, one = app, limits = undefined) =>
    (await mandate(one, provider, alice, limits, actions)).access_token.value;
  const incoming = async (one = app) =>
    one.client.incomingPayment.create(
      { ...at, accessToken: await incomingToken(['create'], one) },
      { walletAddress: bob.id },
    );
  const quote = async (receiver) =>
    app.client.quote.create(
      { ...at, accessToken: await quoteToken(['create']) },
      { walletAddress: alice.id, receiver, method: 'ilp', debitAmount: cad(5) },
    );
  const pay = async (receiver, one = app) =>
    one.client.outgoingPayment.create(
      { ...at, accessToken: await outgoingToken(['create'], one) },
      { walletAddress: alice.id, incomingPayment: receiver, debitAmount: cad(5) },
    );
  const known = { provider, app, other, alice, bob, at };
  return { ...known, incomingToken, quoteToken, outgoingToken, incomingItem, incoming, quote, pay };
}

const NOWHERE = '00000000-0000-7000-8000-000000000000';
const NOT_FOUND = { status: 404, code: 'not_found' };
const TOO_LITTLE_ACCESS = { status: 403, code: 'insufficient_grant', description: 'Insufficient Grant' };
const INVALID = { status: 400, code: 'invalid_request' };

/** What anybody can do: [served, refused, how]. */
const OPEN = {
  'walletAddress.get': [
    async (call, { alice }) => assert.deepEqual(await call({ url: alice.id }), alice),
    (call, { provider }) => call({ url: `${provider.url}/nobody` }),
    NOT_FOUND,
  ],
  'walletAddress.getKeys': [
    async (call, { app }) => assert.deepEqual(await call({ url: app.wallet }), { keys: [app.key.jwk] }),
    (call, { provider }) => call({ url: `${provider.url}/nobody` }),
    NOT_FOUND,
  ],
  'walletAddress.getDIDDocument': [
    async (call, { alice }) => assert.equal(typeof (await call({ url: alice.id })).id, 'string'),
    (call, { provider }) => call({ url: `${provider.url}/nobody` }),
    NOT_FOUND,
  ],
};

const publicView = [
  async (call, { incoming, provider }) => {
    const { id } = await incoming();
    assert.deepEqual(await call({ url: id }), { receivedAmount: cad(0), authServer: provider.auth });
  },
  (call, { at }) => call({ url: `${at.url}/incoming-payments/${NOWHERE}` }),
  NOT_FOUND,
];

/** What a client that signs can do. */
const SIGNED = {
  ...OPEN,

  'incomingPayment.create': [
    async (call, { at, bob, incomingToken }) => {
      const rest = { incomingAmount: cad(7), metadata: { order: 1 } };
      const made = await call(
        { ...at, accessToken: await incomingToken(['create']) },
        { walletAddress: bob.id, ...rest },
      );
      assert.deepEqual([made.incomingAmount, made.metadata], [rest.incomingAmount, rest.metadata]);
    },
    async (call, { at, bob, incomingToken }) =>
      call({ ...at, accessToken: await incomingToken(['read', 'complete']) }, { walletAddress: bob.id }),
    TOO_LITTLE_ACCESS,
  ],
  'incomingPayment.get': [
    async (call, { incoming, incomingToken }) => {
      const made = await incoming();
      assert.deepEqual(await call({ url: made.id, accessToken: await incomingToken(['read']) }), made);
    },
    async (call, { incoming, incomingToken, other }) =>
      call({ url: (await incoming(other)).id, accessToken: await incomingToken(['read']) }),
    NOT_FOUND,
  ],
  'incomingPayment.getPublic': publicView,
  'incomingPayment.complete': [
    async (call, { incoming, incomingToken }) => {
      const { methods: _, ...made } = await incoming();
      const completed = await call({ url: made.id, accessToken: await incomingToken(['complete']) });
      assert.deepEqual(completed, { ...made, completed: true });
    },
    async (call, { incoming, incomingToken, other }) =>
      call({ url: (await incoming(other)).id, accessToken: await incomingToken(['complete']) }),
    NOT_FOUND,
  ],
  'incomingPayment.list': [
    async (call, { at, bob, incoming, incomingToken }) => {
      const { methods: _, ...made } = await incoming();
      const accessToken = await incomingToken(['list']);
      const { result } = await call({ ...at, accessToken, walletAddress: bob.id }, { first: 1 });
      assert.deepEqual(result, [made]);
    },
    async (call, { at, bob, incomingToken }) =>
      call({ ...at, accessToken: await incomingToken(['create', 'read-all']), walletAddress: bob.id }),
    TOO_LITTLE_ACCESS,
  ],

  'quote.create': [
    async (call, { at, alice, incoming, quoteToken }) => {
      const accessToken = await quoteToken(['create']);
      const receiver = (await incoming()).id;
      const made = await call(
        { ...at, accessToken },
        { walletAddress: alice.id, receiver, method: 'ilp', receiveAmount: cad(3) },
      );
      assert.deepEqual([made.debitAmount, made.receiveAmount, made.receiver], [cad(3), cad(3), receiver]);
    },
    async (call, { at, alice, quoteToken }) => {
      const receiver = `${at.url}/incoming-payments/${NOWHERE}`;
      const accessToken = await quoteToken(['create']);
      return call({ ...at, accessToken }, { walletAddress: alice.id, receiver, method: 'ilp', debitAmount: cad(1) });
    },
    { status: 400, code: 'invalid_receiver', description: 'invalid receiver' },
  ],
  'quote.get': [
    async (call, { incoming, quote, quoteToken }) => {
      const made = await quote((await incoming()).id);
      assert.deepEqual(await call({ url: made.id, accessToken: await quoteToken(['read']) }), made);
    },
    async (call, { incoming, quote, quoteToken, other }) =>
      call({ url: (await quote((await incoming()).id)).id, accessToken: await quoteToken(['create'], other) }),
    // Somebody who has the token, but not the key.
    { status: 401, description: /^Signature validation error/ },
  ],

  'outgoingPayment.create': [
    async (call, { at, alice, incoming, quote, outgoingToken }) => {
      const quoteId = (await quote((await incoming()).id)).id;
      const made = await call(
        { ...at, accessToken: await outgoingToken(['create']) },
        { walletAddress: alice.id, quoteId, metadata: { order: 2 } },
      );
      assert.deepEqual([made.quoteId, made.debitAmount, made.metadata], [quoteId, cad(5), { order: 2 }]);
    },
    async (call, { at, alice, incoming, outgoingToken, app }) =>
      call(
        { ...at, accessToken: await outgoingToken(['create'], app, { debitAmount: cad(4) }) },
        { walletAddress: alice.id, incomingPayment: (await incoming()).id, debitAmount: cad(5) },
      ),
    { status: 403, code: 'limit_exceeded', description: 'unauthorized' },
  ],
  'outgoingPayment.get': [
    async (call, { incoming, pay, outgoingToken }) => {
      const { grantSpentDebitAmount: _, grantSpentReceiveAmount: __, ...made } = await pay((await incoming()).id);
      const seen = await call({ url: made.id, accessToken: await outgoingToken(['read']) });
      assert.deepEqual({ ...seen, sentAmount: made.sentAmount }, made);
    },
    async (call, { incoming, pay, outgoingToken, other }) =>
      call({ url: (await pay((await incoming()).id, other)).id, accessToken: await outgoingToken(['read']) }),
    NOT_FOUND,
  ],
  'outgoingPayment.list': [
    async (call, { at, alice, incoming, pay, outgoingToken }) => {
      const { id } = await pay((await incoming()).id);
      const accessToken = await outgoingToken(['list']);
      const { result } = await call({ ...at, accessToken, walletAddress: alice.id }, { first: 1 });
      assert.deepEqual(
        result.map((payment) => payment.id),
        [id],
      );
    },
    async (call, { at, alice, outgoingToken }) =>
      call({ ...at, accessToken: await outgoingToken(['create', 'read-all']), walletAddress: alice.id }),
    TOO_LITTLE_ACCESS,
  ],
  'outgoingPayment.getGrantSpentAmounts': [
    async (call, { at, outgoingToken }) => {
      const nothing = { spentDebitAmount: null, spentReceiveAmount: null };
      assert.deepEqual(await call({ ...at, accessToken: await outgoingToken(['create']) }), nothing);
    },
    async (call, { at, outgoingToken }) => call({ ...at, accessToken: await outgoingToken(['read']) }),
    TOO_LITTLE_ACCESS,
  ],

  'grant.request': [
    async (call, { alice }) => {
      const access = [{ type: 'quote', actions: ['create', 'read'] }];
      const grant = await call({ url: alice.authServer }, { access_token: { access } });
      assert.deepEqual(grant.access_token.access, access);
    },
    (call, { alice }) => {
      const limits = { debitAmount: cad(1), interval: 'R0/2060-05-20T13:00:00Z/P1M' };
      const access = [{ type: 'outgoing-payment', actions: ['create'], identifier: alice.id, limits }];
      return call({ url: alice.authServer }, { access_token: { access }, interact: comingBack() });
    },
    INVALID,
  ],
  'grant.continue': [
    async (call, { app, alice, provider }) => {
      const access = [{ type: 'outgoing-payment', actions: ['create'], identifier: alice.id }];
      const question = await ask(app, alice, { access_token: { access } });
      const through = { client: { grant: { continue: call } } };
      assert.deepEqual((await finish(through, provider, question)).access_token.access, access);
    },
    async (call, { app, alice }) => {
      const access = [{ type: 'outgoing-payment', actions: ['create'], identifier: alice.id }];
      const { pending } = await ask(app, alice, { access_token: { access } });
      const { uri, access_token } = pending.continue;
      return call({ url: uri, accessToken: access_token.value }, { interact_ref: 'made-up' });
    },
    { status: 404, code: 'invalid_continuation' },
  ],
  'grant.cancel': [
    async (call, { app, provider, alice, at }) => {
      const grant = await mandate(app, provider, alice, undefined, ['create']);
      await call({ url: grant.continue.uri, accessToken: grant.continue.access_token.value });
      const spent = app.client.outgoingPayment.getGrantSpentAmounts({ ...at, accessToken: grant.access_token.value });
      await fails(spent, { status: 403, description: 'Inactive Token' });
    },
    async (call, { app, provider, alice }) => {
      const grant = await mandate(app, provider, alice, undefined, ['create']);
      return call({ url: grant.continue.uri, accessToken: grant.access_token.value });
    },
    { status: 401, code: 'invalid_continuation' },
  ],

  'token.rotate': [
    async (call, { app, provider, alice, at }) => {
      const { access_token: old } = await mandate(app, provider, alice, undefined, ['create']);
      const { access_token } = await call({ url: old.manage, accessToken: old.value });
      await app.client.outgoingPayment.getGrantSpentAmounts({ ...at, accessToken: access_token.value });
      assert.notEqual(access_token.manage, old.manage);
    },
    async (call, { app, provider, alice }) => {
      const { access_token: old } = await mandate(app, provider, alice, undefined, ['create']);
      const managed = { url: old.manage, accessToken: old.value };
      await app.client.token.revoke(managed);
      return call(managed);
    },
    { status: 400, code: 'invalid_rotation' },
  ],
  'token.revoke': [
    async (call, { app, provider, alice, at }) => {
      const { access_token: held } = await mandate(app, provider, alice, undefined, ['create']);
      await call({ url: held.manage, accessToken: held.value });
      const spent = app.client.outgoingPayment.getGrantSpentAmounts({ ...at, accessToken: held.value });
      await fails(spent, { status: 403, description: 'Inactive Token' });
    },
    async (call, { app, provider, alice }) => {
      const { access_token: held } = await mandate(app, provider, alice, undefined, ['create']);
      return call({ url: held.manage, accessToken: 'made-up' });
    },
    { status: 401, code: 'invalid_client' },
  ],
};

/** Has every method of a client served and refused. */
async function tryAll(given, row, client, table) {
  const notes = {};
  const watched = noted(client, notes);
  for (const [name, [serve, refuse, how]] of Object.entries(table)) {
    const [route, method] = name.split('.');
    const call = (...words) => watched[route][method](...words);
    await row(`${name}: served`, () => serve(call, given));
    await row(`${name}: refused`, () => fails(Promise.resolve(refuse(call, given)), how));
  }
  await row('there is no other method', () => {
    const both = new Set(['served', 'refused']);
    assert.deepEqual(notes, Object.fromEntries(methods(client).map((name) => [name, both])));
  });
}

scenario('every method of the client that signs', async (provider, row) => {
  const given = await world(provider);
  await tryAll(given, row, given.app.client, SIGNED);
});

scenario('every method of the client that does not sign', async (provider, row) => {
  const given = await world(provider);
  await tryAll(given, row, await createUnauthenticatedClient({}), { ...OPEN, 'incomingPayment.get': publicView });
});

scenario('lists, page by page', async (provider, row) => {
  const given = await world(provider);
  const { app, other, alice, bob, at } = given;
  const open = (await given.incoming(other)).id;
  const kinds = {
    incomingPayment: {
      wallet: bob,
      make: (one) => given.incoming(one),
      item: (actions) => given.incomingItem(actions),
    },
    outgoingPayment: {
      wallet: alice,
      make: (one) => given.pay(open, one),
      item: (actions) => ({ type: 'outgoing-payment', actions, identifier: alice.id }),
    },
  };
  for (const [kind, { wallet, make, item }] of Object.entries(kinds)) {
    const own = [];
    for (let made = 0; made < 7; made += 1) {
      own.unshift((await make(app)).id);
      if (made % 3 === 0) await make(other);
    }
    const tokens = {};
    for (const action of ['list', 'list-all']) tokens[action] = await accessTo(app, provider, wallet, item([action]));
    const list = (pagination, action = 'list') =>
      app.client[kind].list({ ...at, walletAddress: wallet.id, accessToken: tokens[action] }, pagination);
    const ids = ({ result }) => result.map(({ id }) => id);
    const more = ({ pagination }) => [pagination.hasPreviousPage, pagination.hasNextPage];

    await row(`${kind}: all at once, the newest first`, async () => {
      const page = await list();
      assert.deepEqual([ids(page), more(page)], [own, [false, false]]);
    });
    await row(`${kind}: as each is told by itself`, async () => {
      const { result } = await list({ first: 2 });
      const accessToken = await accessTo(app, provider, wallet, item(['read']));
      for (const payment of result) {
        const { methods: _, ...alone } = await app.client[kind].get({ url: payment.id, accessToken });
        assert.deepEqual(payment, alone);
      }
    });
    await row(`${kind}: forwards and back again`, async () => {
      const first = await list({ first: 3 });
      const second = await list({ first: 3, cursor: first.pagination.endCursor });
      const third = await list({ first: 3, cursor: second.pagination.endCursor });
      assert.deepEqual([ids(first), ids(second), ids(third)], [own.slice(0, 3), own.slice(3, 6), own.slice(6)]);
      assert.deepEqual([first, second, third].map(more), [
        [false, true],
        [true, true],
        [true, false],
      ]);
      const back = await list({ last: 3, cursor: third.pagination.startCursor });
      assert.deepEqual(back, second);
      const begin = await list({ last: 3, cursor: back.pagination.startCursor });
      assert.deepEqual(begin, first);
      const part = await list({ last: 2, cursor: back.pagination.startCursor });
      assert.deepEqual([ids(part), more(part)], [own.slice(1, 3), [true, true]]);
      const none = await list({ last: 2, cursor: begin.pagination.startCursor });
      assert.deepEqual([ids(none), none.pagination.hasPreviousPage], [[], false]);
    });
    await row(`${kind}: stay what they are while others arrive`, async () => {
      const first = await list({ first: 3 });
      const before = await list({ first: 3, cursor: first.pagination.endCursor });
      own.unshift((await make(app)).id);
      assert.deepEqual(await list({ first: 3, cursor: first.pagination.endCursor }), before);
      const newer = await list({ last: 5, cursor: first.pagination.startCursor });
      assert.deepEqual([ids(newer), more(newer)], [own.slice(0, 1), [false, true]]);
    });
    await row(`${kind}: of all clients, each once`, async () => {
      const all = ids(await list({ first: 100 }, 'list-all'));
      assert.ok(all.length > own.length);
      assert.deepEqual(
        all.filter((id) => own.includes(id)),
        own,
      );
      const paged = [];
      for (let cursor; ; ) {
        const page = await list({ first: 4, ...(cursor && { cursor }) }, 'list-all');
        paged.push(...ids(page));
        if (!page.pagination.hasNextPage) break;
        cursor = page.pagination.endCursor;
      }
      assert.deepEqual(paged, all);
    });
    await row(`${kind}: of a wallet, and a client, that have none`, async () => {
      const theirToken = await accessTo(other, provider, wallet, item(['list']));
      const theirs = await other.client[kind].list({ ...at, walletAddress: wallet.id, accessToken: theirToken });
      assert.ok(theirs.result.length > 0 && theirs.result.every(({ id }) => !own.includes(id)));
      const empty = kind === 'incomingPayment' ? alice : bob;
      const accessToken = await accessTo(app, provider, empty, { ...item(['list']), identifier: empty.id });
      const none = await app.client[kind].list({ ...at, walletAddress: empty.id, accessToken });
      assert.deepEqual(none, { pagination: { hasNextPage: false, hasPreviousPage: false }, result: [] });
    });
    const nonsense = {
      'more than a hundred': { first: 101 },
      'fewer than none': { first: -1 },
      'half a payment': { first: 1.5 },
      'the last ones of no place': { last: 3 },
      'before and after': { first: 1, last: 1, cursor: 'startCursor' },
      'a cursor that nobody gave': { first: 1, cursor: 'made-up' },
      'a cursor of nothing': { first: 1, cursor: NOWHERE },
      'a cursor that is another client’s': { first: 1, cursor: 'theirs' },
    };
    for (const [name, pagination] of Object.entries(nonsense)) {
      await row(`${kind}: ${name}`, async () => {
        const { startCursor } = (await list({ first: 1 })).pagination;
        const all = ids(await list({ first: 100 }, 'list-all'));
        const until = { first: all.findIndex((id) => !own.includes(id)) + 1 };
        const theirs = (await list(until, 'list-all')).pagination.endCursor;
        const cursor = { startCursor, theirs }[pagination.cursor] ?? pagination.cursor;
        await fails(list({ ...pagination, ...(cursor && { cursor }) }), INVALID);
      });
    }
  }
});
