// Every operation of the specification with its rightful caller: what it needs, what it is sent, and what it changes.

import assert from 'node:assert/strict';
import { access, cad, comingBack, interactRef, RawClient, succeeded } from './clients.mjs';

/** All actions that there are for each kind of access. */
export const ACTIONS = {
  'incoming-payment': ['create', 'complete', 'read', 'read-all', 'list', 'list-all'],
  'outgoing-payment': ['create', 'read', 'read-all', 'list', 'list-all'],
  quote: ['create', 'read', 'read-all'],
};

/** The id of a resource, grant or token that there never was. */
const NOTHING = '00000000-0000-7000-8000-000000000000';

/** What a world's payer may send under the grants of this table: more than all of them do. */
const BUDGET = cad(1000);

/** An app with a wallet address, others who are after what it has, and wallets of people. */
export class World {
  constructor(provider, clients, wallets) {
    this.provider = provider;
    /** The app whose resources, grants and tokens these are. */
    this.app = clients.app;
    /** Another app. */
    this.other = clients.other;
    Object.assign(this, wallets);
  }

  /** @returns {Promise<World>} with an incoming payment at bob's wallet, a quote and an outgoing payment from alice's */
  static async make(provider) {
    const clients = {};
    for (const name of ['app', 'other']) clients[name] = await RawClient.register(provider, name);
    const wallets = {};
    for (const name of ['alice', 'bob', 'carol']) wallets[name] = (await provider.account(name)).walletAddress;
    const world = new World(provider, clients, wallets);
    world.made = await world.make(world.app);
    return world;
  }

  /** A client that is only a key. */
  bareKey(key) {
    const client = new RawClient(this.provider, key && { key });
    client.wallet = { jwk: client.key.jwk };
    return client;
  }

  /** An item of access. Incoming payments are bob's, outgoing ones alice's, unless another wallet is named. */
  item(type, actions, wallet) {
    if (type === 'incoming-payment') return access.incoming(wallet ?? this.bob, actions);
    if (type === 'outgoing-payment') return access.outgoing(wallet ?? this.alice, { debitAmount: BUDGET }, actions);
    return access.quote(actions);
  }

  /** Has a client make one of each resource. One that is only a key cannot make outgoing payments. */
  async make(client) {
    const make = async (type, collection, body) => {
      const { token } = await granted(client, this.item(type, ['create']));
      return succeeded(201, await client.create(collection, token, body)).id;
    };
    const incoming = await make('incoming-payment', 'incoming-payments', { walletAddress: this.bob });
    const quote = await make('quote', 'quotes', this.quoted(incoming));
    if (typeof client.wallet === 'object') return { incoming, quote };
    return { incoming, quote, outgoing: await make('outgoing-payment', 'outgoing-payments', this.paid(incoming)) };
  }

  quoted(receiver) {
    return { walletAddress: this.alice, receiver, method: 'ilp', debitAmount: cad(1) };
  }

  paid(incomingPayment) {
    return { walletAddress: this.alice, incomingPayment, debitAmount: cad(1) };
  }

  collection(name, query) {
    const words = query ? `?${new URLSearchParams(query)}` : '';
    return `${this.provider.resource}/${name}${words}`;
  }

  get spent() {
    return this.collection('outgoing-payment-grant');
  }

  /** What wrong callers must not change: money, and what there is at the wallets. */
  async state() {
    const state = {};
    for (const name of ['alice', 'bob', 'carol']) state[name] = await this.provider.balance(name);
    state.incoming = await this.listed('incoming-payment', this.bob);
    state.outgoing = await this.listed('outgoing-payment', this.alice);
    return state;
  }

  /** Everything in a list, page by page. */
  async listed(type, wallet) {
    const { token } = await granted(this.other, this.item(type, ['list-all']));
    const all = [];
    for (let cursor; ; ) {
      const url = this.collection(`${type}s`, { 'wallet-address': wallet, first: '100', ...(cursor && { cursor }) });
      const { pagination, result } = succeeded(200, await this.other.read(token, url));
      all.push(...result);
      if (!pagination.hasNextPage) return all;
      assert.notEqual(pagination.endCursor, cursor, 'the next page begins where this one does');
      cursor = pagination.endCursor;
    }
  }
}

/** Gets a grant, with the consent of the wallet's owner if it needs that: its access token, and how to go on with it. */
export async function granted(client, ...items) {
  const asked = comingBack();
  const request = { access_token: { access: items }, interact: asked };
  const pending = succeeded(200, await client.request(request));
  if (!pending.interact) return { token: pending.access_token, continuation: pending.continue };
  const returned = await client.provider.approve(pending.interact.redirect);
  const reference = interactRef(returned, { asked, pending, grantEndpoint: client.provider.auth });
  const answer = succeeded(200, await client.continue(pending.continue, { body: { interact_ref: reference } }));
  return { token: answer.access_token, continuation: answer.continue };
}

// What an operation has:
//   name     as in the specification
//   method
//   fresh    what the rightful caller sends, from a grant of its own: { url, token?, body?, grant? }
//   success  the status of the answer to that
//   type, needs   resource server: the kind of access, and the actions of which one must be there
//   at       resource server: the URL, given what a client has made, if it is a resource with an owner
//   nothing  the URL of one that there never was
//   intact   checks that what `fresh` gave still works, where the answer to the operation does not tell

/** An operation of the resource server. */
function resource(name, type, needs, at, { success = 200, ...rest } = {}) {
  const [method] = name.split(' ');
  const fresh = async (world, client = world.app) => {
    const grant = await granted(client, world.item(type, needs.slice(0, 1)));
    return { url: at(world, world.made), token: grant.token.value, body: rest.body?.(world), grant };
  };
  return { ...rest, name: `${name} of the resource-server`, method, type, needs, at, success, fresh };
}

/** An operation of a wallet address: anybody may have it. */
function open(path, suffix) {
  const fresh = async (world) => {
    const grant = await granted(world.app, access.quote());
    return { url: `${world.alice}${suffix}`, token: grant.token.value, grant };
  };
  return { name: `GET ${path} of the wallet-address-server`, method: 'GET', success: 200, fresh };
}

/** A mandate, for the operations that manage one. */
const mandate = (world, client = world.app) => granted(client, world.item('outgoing-payment', ['create']));

const tokenWorks = async (world, { grant }) => succeeded(200, await world.app.read(grant.token, world.spent));

/** Every operation, under the name that it has in tables. */
export const OPERATIONS = {
  grant: {
    name: 'POST / of the auth-server',
    method: 'POST',
    success: 200,
    fresh: async (world) => ({
      url: world.provider.auth,
      body: { client: world.app.wallet, access_token: { access: [access.quote()] } },
    }),
  },
  continue: {
    name: 'POST /continue/{id} of the auth-server',
    method: 'POST',
    success: 200,
    fresh: async (world, client = world.app) => {
      const { continuation, reference } = await client.consented(world.item('outgoing-payment', ['create']));
      const { uri, access_token: token } = continuation;
      return { url: uri, token: token.value, body: { interact_ref: reference }, grant: { continuation } };
    },
    nothing: (world) => `${world.provider.auth}/continue/${NOTHING}`,
  },
  cancel: {
    name: 'DELETE /continue/{id} of the auth-server',
    method: 'DELETE',
    success: 204,
    fresh: async (world, client) => {
      const grant = await mandate(world, client);
      return { url: grant.continuation.uri, token: grant.continuation.access_token.value, grant };
    },
    nothing: (world) => `${world.provider.auth}/continue/${NOTHING}`,
    intact: tokenWorks,
  },
  rotate: managing('POST', 200),
  revoke: managing('DELETE', 204),

  'in:new': resource(
    'POST /incoming-payments',
    'incoming-payment',
    ['create'],
    (world) => world.collection('incoming-payments'),
    { body: (world) => ({ walletAddress: world.bob }), success: 201 },
  ),
  'in:list': resource('GET /incoming-payments', 'incoming-payment', ['list', 'list-all'], (world) =>
    world.collection('incoming-payments', { 'wallet-address': world.bob, first: '100' }),
  ),
  'in:get': resource(
    'GET /incoming-payments/{id}',
    'incoming-payment',
    ['read', 'read-all'],
    (world, made) => made.incoming,
    { nothing: (world) => world.collection(`incoming-payments/${NOTHING}`) },
  ),
  'in:done': resource(
    'POST /incoming-payments/{id}/complete',
    'incoming-payment',
    ['complete'],
    (world, made) => `${made.incoming}/complete`,
    { nothing: (world) => world.collection(`incoming-payments/${NOTHING}/complete`) },
  ),
  'quo:new': resource('POST /quotes', 'quote', ['create'], (world) => world.collection('quotes'), {
    body: (world) => world.quoted(world.made.incoming),
    success: 201,
  }),
  'quo:get': resource('GET /quotes/{id}', 'quote', ['read', 'read-all'], (world, made) => made.quote, {
    nothing: (world) => world.collection(`quotes/${NOTHING}`),
  }),
  'out:new': resource(
    'POST /outgoing-payments',
    'outgoing-payment',
    ['create'],
    (world) => world.collection('outgoing-payments'),
    { body: (world) => world.paid(world.made.incoming), success: 201 },
  ),
  'out:list': resource('GET /outgoing-payments', 'outgoing-payment', ['list', 'list-all'], (world) =>
    world.collection('outgoing-payments', { 'wallet-address': world.alice, first: '100' }),
  ),
  'out:get': resource(
    'GET /outgoing-payments/{id}',
    'outgoing-payment',
    ['read', 'read-all'],
    (world, made) => made.outgoing,
    { nothing: (world) => world.collection(`outgoing-payments/${NOTHING}`) },
  ),
  spent: resource('GET /outgoing-payment-grant', 'outgoing-payment', ['create'], (world) => world.spent),

  wallet: open('/', ''),
  keys: open('/jwks.json', '/jwks.json'),
  did: open('/did.json', '/did.json'),
};

/** An operation at the management URI of a token. */
function managing(method, success) {
  return {
    name: `${method} /token/{id} of the auth-server`,
    method,
    success,
    fresh: async (world, client) => {
      const grant = await mandate(world, client);
      return { url: grant.token.manage, token: grant.token.value, grant };
    },
    nothing: (world) => `${world.provider.auth}/token/${NOTHING}`,
    intact: tokenWorks,
  };
}
