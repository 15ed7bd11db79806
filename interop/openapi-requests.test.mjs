// Request bodies that the specification allows are taken, and those that it does not allow are refused: every part of
// a good body is left out, added to, or made something else in turn.

import assert from 'node:assert/strict';
import { access, cad, comingBack, succeeded } from './support/clients.mjs';
import { OPERATIONS, World } from './support/operations.mjs';
import { scenario } from './support/provider.mjs';
import { allows } from './support/spec.mjs';

/** Good bodies of every operation that takes one. */
const BODIES = {
  grant: ({ app, alice, bob, made }) => {
    const request = (rest, client = app.wallet) => ({ client, ...rest });
    const limits = { receiver: made.incoming, interval: 'R3/2060-05-20T13:00:00Z/P1M', debitAmount: cad(5) };
    const outgoing = { access_token: { access: [access.outgoing(alice, limits)] }, interact: comingBack() };
    return {
      'a mandate': request(outgoing),
      'two kinds of access': request({ access_token: { access: [access.incoming(bob, ['read']), access.quote()] } }),
      'a client by its wallet address': request(outgoing, { walletAddress: app.wallet }),
      'a client that is only a key': request({ access_token: { access: [access.quote()] } }, { jwk: app.key.jwk }),
      'a proof of ownership': request({
        subject: { sub_ids: [{ id: alice, format: 'uri' }] },
        interact: comingBack(),
      }),
    };
  },
  continue: (_, { body }) => ({ 'a reference': body }),
  'in:new': ({ bob }) => ({
    'with everything': {
      walletAddress: bob,
      incomingAmount: cad(5),
      expiresAt: '2060-05-21T00:00:00Z',
      metadata: { order: 1 },
    },
  }),
  'quo:new': ({ alice, made }) => {
    const quote = { walletAddress: alice, receiver: made.incoming, method: 'ilp' };
    return {
      'of what is sent': { ...quote, debitAmount: cad(5) },
      'of what is received': { ...quote, receiveAmount: cad(5) },
    };
  },
  'out:new': ({ alice, made }) => ({
    'to an incoming payment': {
      walletAddress: alice,
      incomingPayment: made.incoming,
      debitAmount: cad(5),
      metadata: { order: 1 },
    },
  }),
};

/** Every change of one part of a value: what was done, and the value after it. */
function* changes(value, at = 'the body') {
  for (const [what, other] of Object.entries({ ...replacements(value), null: null })) yield [`${at} is ${what}`, other];
  if (value === null || typeof value !== 'object') return;
  for (const name of Object.keys(value)) {
    const within = `${at === 'the body' ? '' : `${at}.`}${name}`;
    for (const [what, changed] of changes(value[name], within)) yield [what, put(value, name, changed)];
    if (!Array.isArray(value)) yield [`${within} is left out`, put(value, name, undefined)];
  }
  if (!Array.isArray(value)) yield [`${at} has one more`, { ...value, more: 1 }];
}

function put(value, name, changed) {
  if (Array.isArray(value)) return value.map((item, at) => (String(at) === name ? changed : item));
  return { ...value, [name]: changed };
}

function replacements(value) {
  if (Array.isArray(value)) {
    return { 'an object': { ...value }, 'its first': value[0], empty: [], twice: [...value, ...value] };
  }
  if (typeof value === 'object') return { 'a list of its values': Object.values(value), empty: {}, text: 'text' };
  if (typeof value === 'number') return { text: String(value), 'less than nothing': -1, 'a fraction': value + 0.5 };
  return { 'a number': 5, 'a list': [value], 'an object': { value }, true: true };
}

/** Clients in other languages may say null where there is nothing; that is taken for nothing. */
function withoutNull(value) {
  if (Array.isArray(value)) return value.map(withoutNull);
  if (value === null || typeof value !== 'object') return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutNull(member)]));
}

/** Deployed apps have keys that say less than the specification wants. */
const LENIENT = /client\.jwk\.(alg|kty|crv) is (left out|null)$/;

for (const [column, make] of Object.entries(BODIES)) {
  const operation = OPERATIONS[column];
  scenario(`bodies of ${operation.name}`, async (provider, row) => {
    const world = await World.make(provider);
    const parts = await operation.fresh(world);
    const { method } = operation;
    const send = (body) => world.app.send(method, parts.url, { token: parts.token, body: JSON.stringify(body) });
    for (const [name, body] of Object.entries(make(world, parts))) {
      for (const [what, changed] of changes(body)) {
        // What is not there is not sent.
        const sent = JSON.parse(JSON.stringify(changed));
        if (LENIENT.test(what) || [sent, withoutNull(sent)].some((one) => allows(operation.name, one))) continue;
        await row(`${name}: ${what}`, async () => {
          const answer = await send(sent);
          // A continuation has 404 for this in the specification.
          assert.ok([400, 404].includes(answer.status), `${JSON.stringify(sent)} → ${answer.status} ${answer.text}`);
        });
      }
      await row(`${name}: as it should be`, async () => {
        assert.ok(allows(operation.name, body));
        succeeded(operation.success, await send(body));
      });
    }
  });
}

