// Grants, continuations and tokens at the authorization server: what is given, and what is refused and how.

import assert from 'node:assert/strict';
import {
  access,
  CALLBACK,
  cad,
  comingBack,
  interactRef,
  POLLING,
  RawClient,
  refused,
  succeeded,
} from './support/clients.mjs';
import { scenario } from './support/provider.mjs';
import { newKey } from './support/signature.mjs';

/** A client, and a wallet in CAD whose owner it can ask. */
async function world(provider) {
  const app = await RawClient.register(provider, 'app');
  const alice = (await provider.account('alice')).walletAddress;
  return { app, alice };
}

const INVALID_REQUEST = { status: 400, code: 'invalid_request' };
const INVALID_CLIENT = { status: 400, code: 'invalid_client' };
const DENIED = { status: 401, code: 'request_denied' };
const NO_CONTINUATION = { status: 401, code: 'invalid_continuation' };
const NO_ROTATION = { status: 400, code: 'invalid_rotation' };

scenario('grants without consent', async (provider, row) => {
  const { app, alice } = await world(provider);
  const requests = {
    'incoming payments of a wallet': [access.incoming(alice)],
    'incoming payments of any wallet': [{ type: 'incoming-payment', actions: ['create', 'read'] }],
    quotes: [access.quote(['create', 'read', 'read-all'])],
    'what other servers ask for in order to pay': [access.incoming(alice, ['read-all'])],
    'incoming payments and quotes': [access.incoming(alice, ['create', 'list']), access.quote()],
  };
  for (const [name, items] of Object.entries(requests)) {
    await row(name, async () => {
      // Whether the client could be sent to a person or not.
      for (const interact of [undefined, comingBack()]) {
        const answer = succeeded(200, await app.request({ access_token: { access: items }, interact }));
        assert.equal(answer.interact, undefined);
        const { access_token: token, continue: continuation } = answer;
        assert.equal(token.expires_in, 600);
        assert.deepEqual(
          token.access.map((item) => ({ ...item, actions: new Set(item.actions) })),
          items.map((item) => ({ ...item, actions: new Set(item.actions) })),
        );
        assert.ok(continuation.access_token.value && continuation.uri);
      }
    });
  }
  await row('every form of naming the client', async () => {
    const request = { access_token: { access: [access.quote()] } };
    for (const client of [app.wallet, { walletAddress: app.wallet }, { jwk: app.key.jwk }]) {
      succeeded(200, await app.request({ client, ...request }));
    }
  });
  await row('tokens that nobody can guess', async () => {
    const tokens = await Promise.all(Array.from({ length: 5 }, () => app.token(access.quote())));
    assert.equal(new Set(tokens.map(({ value }) => value)).size, 5);
    assert.equal(new Set(tokens.map(({ manage }) => manage)).size, 5);
    // 256 bits in base64url have 43 characters.
    for (const { value, manage } of tokens) {
      assert.ok(value.length >= 43, value);
      assert.ok(!manage.includes(value), manage);
    }
  });
});

scenario('grants that need consent', async (provider, row) => {
  const { app, alice } = await world(provider);
  const receiver = (await app.incoming(alice)).id;
  const limits = {
    'no limits': undefined,
    'an amount': { debitAmount: cad(100) },
    'an amount to be received': { receiveAmount: { value: '100', assetCode: 'JPY', assetScale: 0 } },
    'a receiver': { receiver, debitAmount: cad(100) },
    'an interval alone': { interval: 'R/2060-05-20T13:00:00Z/P1M' },
    'windows counted back from an end': { interval: 'R12/P1W/2061-05-20T13:00:00Z', debitAmount: cad(100) },
    'one window and its repetitions': {
      interval: 'R2/2060-05-20T13:00:00Z/2060-05-21T00:00:00Z',
      debitAmount: cad(100),
    },
    'windows without end, said so': { interval: 'R-1/2060-05-20T13:00:00+02:00/P1Y2M10DT2H30M', debitAmount: cad(100) },
    'the extension’s milliseconds': { interval: 'R/2060-05-20T12:00:00.123Z/P1M', debitAmount: cad(100) },
  };
  for (const [name, limit] of Object.entries(limits)) {
    await row(`outgoing payments, ${name}`, async () => {
      const token = await app.consentedToken(access.outgoing(alice, limit));
      assert.deepEqual(token.access[0].limits, limit);
    });
  }
  const others = {
    'listing what others have created': [access.incoming(alice, ['create', 'list-all'])],
    'quotes and outgoing payments together': [access.quote(), access.outgoing(alice, { debitAmount: cad(1) })],
    'three kinds of access': [access.incoming(alice), access.quote(), access.outgoing(alice)],
  };
  for (const [name, items] of Object.entries(others)) {
    await row(name, async () => {
      const token = await app.consentedToken(...items);
      assert.deepEqual(
        token.access.map(({ type }) => type),
        items.map(({ type }) => type),
      );
    });
  }
  await row('who owns a wallet address', async () => {
    const asked = comingBack();
    const subject = { sub_ids: [{ id: alice, format: 'uri' }] };
    const pending = succeeded(200, await app.request({ subject, interact: asked }));
    const returned = await provider.approve(pending.interact.redirect);
    const reference = interactRef(returned, { asked, pending, grantEndpoint: provider.auth });
    const answer = succeeded(200, await app.continue(pending.continue, { body: { interact_ref: reference } }));
    assert.deepEqual(answer.subject, subject);
    assert.equal(answer.access_token, undefined);
  });
  await row('the page to send a person to is at this server', async () => {
    const request = { access_token: { access: [access.outgoing(alice)] }, interact: comingBack() };
    const { interact, continue: continuation } = succeeded(200, await app.request(request));
    assert.ok(interact.redirect.startsWith(`${provider.auth}/`), interact.redirect);
    assert.ok(continuation.wait > 0);
  });
});

scenario('grant requests that make no sense', async (provider, row) => {
  const { app, alice } = await world(provider);
  const outgoing = (limits) => ({ access_token: { access: [access.outgoing(alice, limits)] }, interact: comingBack() });
  const quotes = { access_token: { access: [access.quote()] } };
  const spending = { access_token: { access: [access.outgoing(alice)] } };
  const sub = { id: alice, format: 'uri' };
  const limited = (interval) => outgoing({ interval, debitAmount: cad(100) });
  const returning = (uri, nonce = 'n') => ({
    ...spending,
    interact: { start: ['redirect'], finish: { method: 'redirect', uri, nonce } },
  });
  const cases = {
    'nothing asked for': [{}, /access_token/],
    'no item': [{ access_token: { access: [] } }, /access/],
    'four items': [
      { access_token: { access: ['create', 'read', 'list', 'complete'].map((one) => access.incoming(alice, [one])) } },
      /access/,
    ],
    'the same item twice': [{ access_token: { access: [access.quote(), access.quote()] } }, /same item twice/],
    'an unknown type': [{ access_token: { access: [{ type: 'loan', actions: ['create'] }] } }, /loan/],
    'an unknown action': [{ access_token: { access: [access.quote(['steal'])] } }, /steal/],
    'an action of another type': [{ access_token: { access: [access.quote(['complete'])] } }, /complete/],
    'no action': [{ access_token: { access: [access.quote([])] } }, /action/],
    'an action twice': [{ access_token: { access: [access.quote(['read', 'read'])] } }, /action/],
    'nobody’s outgoing payments': [
      { access_token: { access: [access.outgoing(undefined)] }, interact: comingBack() },
      /identifier/,
    ],
    'a wallet that is not here': [
      { access_token: { access: [access.outgoing(`${provider.url}/nobody`)] }, interact: comingBack() },
      /identifier/,
    ],
    'a wallet of another server': [
      { access_token: { access: [access.incoming('https://wallet.example/bob')] } },
      /identifier/,
    ],
    'no way to ask a person': [spending, /interact/],
    'no way to ask a person for a proof': [{ subject: { sub_ids: [sub] } }, /interact/],
    'no way to start': [{ ...spending, interact: { ...comingBack(), start: [] } }, /interact\.start/],
    'two subjects': [{ subject: { sub_ids: [sub, sub] }, interact: comingBack() }, /sub_ids/],
    'no subject': [{ subject: { sub_ids: [] }, interact: comingBack() }, /sub_ids/],
    'somebody else’s subject': [
      { subject: { sub_ids: [{ ...sub, id: `${provider.url}/nobody` }] }, interact: comingBack() },
      /subject/,
    ],
    'consent for a client that is only a key': [
      { ...spending, client: { jwk: app.key.jwk }, interact: comingBack() },
      /jwk|wallet/,
    ],
    'a return by script': [returning('javascript:alert(1)'), /finish/],
    'a return into an app': [returning('myapp://finish'), /finish/],
    'a return to nowhere': [returning('nowhere'), /finish/],
    'a return without a nonce': [returning(CALLBACK, ''), /nonce/],
    'two amounts': [outgoing({ debitAmount: cad(1), receiveAmount: cad(1) }), /debitAmount or a receiveAmount/],
    'an asset that the wallet does not have': [
      outgoing({ debitAmount: { value: '1', assetCode: 'USD', assetScale: 2 } }),
      /USD/,
    ],
    'a scale that the wallet does not have': [
      outgoing({ debitAmount: { value: '1', assetCode: 'CAD', assetScale: 3 } }),
      /debitAmount/,
    ],
    'an amount that is none': [outgoing({ debitAmount: cad('-1') }), /-1/],
    'a receiver that is none': [outgoing({ receiver: 'https://wallet.example/bob' }), /receiver/],
    'a limit that nobody knows': [outgoing({ debitAmount: cad(1), weekdays: ['monday'] }), /weekdays/],
    'an interval of words': [limited('monthly'), /interval/],
    'an interval without R': [limited('2060-05-20T13:00:00Z/P1M'), /interval/],
    'no repetition': [limited('R0/2060-05-20T13:00:00Z/P1M'), /R0/],
    'negative repetitions': [limited('R-2/2060-05-20T13:00:00Z/P1M'), /R-2/],
    'no length': [limited('R3/2060-05-20T13:00:00Z/P0D'), /P0D/],
    'a negative length': [limited('R3/2060-05-20T13:00:00Z/-P1M'), /-P1M/],
    'half a month': [limited('R3/2060-05-20T13:00:00Z/P0.5M'), /P0\.5M/],
    'a day that never was': [limited('R3/2060-02-30T13:00:00Z/P1M'), /2060-02-30/],
    'no day at all': [limited('R3/P1M'), /interval/],
    'an end before the start': [limited('R3/2060-05-20T13:00:00Z/2060-05-20T12:00:00Z'), /end.*start/],
    'windows after the end of time': [limited('R3/9999-12-31T23:00:00Z/P1000Y'), /9999/],
  };
  for (const [name, [request, description]] of Object.entries(cases)) {
    await row(name, async () => {
      refused(await app.request(request), { ...INVALID_REQUEST, description });
    });
  }
  const bodies = {
    'no JSON': '{',
    'no object': '[]',
    'text that is no text': '"\\ud800"',
    'no client': JSON.stringify(quotes),
  };
  for (const [name, body] of Object.entries(bodies)) {
    await row(name, async () => {
      refused(await app.send('POST', provider.auth, { body }), { ...INVALID_REQUEST, description: /./ });
    });
  }
  await row('no body', async () => {
    refused(await app.send('POST', provider.auth), INVALID_REQUEST);
  });
});

scenario('continuing', async (provider, row) => {
  const { app, alice } = await world(provider);
  const start = async (interact = comingBack()) => {
    const request = { access_token: { access: [access.outgoing(alice, { debitAmount: cad(1) })] }, interact };
    return succeeded(200, await app.request(request));
  };

  await row('once, after approval', async () => {
    const { continuation, reference } = await app.consented(access.outgoing(alice));
    const again = { body: { interact_ref: reference } };
    const answer = succeeded(200, await app.continue(continuation, again));
    assert.ok(answer.access_token.value && answer.continue.uri);
    refused(await app.continue(continuation, again), DENIED);
    refused(await app.continue(continuation), DENIED);
  });
  await row('once, of many at once', async () => {
    const { continuation, reference } = await app.consented(access.outgoing(alice));
    const body = { interact_ref: reference };
    const answers = await Promise.all(Array.from({ length: 6 }, () => app.continue(continuation, { body })));
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    for (const answer of answers.filter(({ status }) => status !== 200)) refused(answer, DENIED);
  });
  await row('without the reference that the browser brings', async () => {
    const { continue: continuation, interact } = await start();
    refused(await app.continue(continuation), DENIED);
    refused(await app.continue(continuation, { body: {} }), DENIED);
    await provider.approve(interact.redirect);
    refused(await app.continue(continuation), DENIED);
  });
  await row('with a reference that is not this grant’s', async () => {
    const unknown = { status: 404, code: 'invalid_continuation' };
    const { continuation, reference } = await app.consented(access.outgoing(alice));
    const other = await app.consented(access.outgoing(alice));
    refused(await app.continue(continuation, { body: { interact_ref: 'made-up' } }), unknown);
    refused(await app.continue(continuation, { body: { interact_ref: other.reference } }), unknown);
    const pending = await start();
    refused(await app.continue(pending.continue, { body: { interact_ref: reference } }), unknown);
    succeeded(200, await app.continue(continuation, { body: { interact_ref: reference } }));
  });
  await row('with the wrong token, or nowhere', async () => {
    const [one, two] = [await start(), await start()];
    refused(await app.continue(one.continue, { token: two.continue.access_token.value }), NO_CONTINUATION);
    refused(await app.continue(one.continue, { token: 'made-up' }), NO_CONTINUATION);
    refused(await app.send('POST', one.continue.uri), { status: 401 });
    const nowhere = { ...one.continue, uri: `${provider.auth}/continue/made-up` };
    refused(await app.continue(nowhere), NO_CONTINUATION);
    refused(await app.cancel(nowhere), NO_CONTINUATION);
    const { access_token } = one.continue;
    refused(await app.continue({ access_token, uri: two.continue.uri }), NO_CONTINUATION);
  });
  await row('with the key of another client', async () => {
    const { continuation, reference } = await app.consented(access.outgoing(alice));
    const thief = new RawClient(provider, { key: newKey(app.key.kid), wallet: app.wallet });
    refused(await thief.continue(continuation, { body: { interact_ref: reference } }), INVALID_CLIENT);
    refused(await thief.cancel(continuation), { ...INVALID_CLIENT });
    succeeded(200, await app.continue(continuation, { body: { interact_ref: reference } }));
  });
  await row('without a signature', async () => {
    const { continue: continuation } = await start();
    const headers = { authorization: `GNAP ${continuation.access_token.value}` };
    refused(await app.deliver('POST', continuation.uri, { headers }), { status: 401, code: 'invalid_client' });
  });
  await row('by polling', async () => {
    const { continue: continuation, interact } = await start(POLLING);
    const tooFast = { status: 400, code: 'too_fast' };
    refused(await app.continue(continuation), tooFast);
    await provider.advance(`PT${continuation.wait}S`);
    const still = succeeded(200, await app.continue(continuation));
    assert.equal(still.access_token, undefined);
    refused(await app.continue(still.continue), tooFast);
    await provider.approve(interact.redirect);
    assert.ok(succeeded(200, await app.continue(still.continue)).access_token);
    refused(await app.continue(still.continue), DENIED);
  });
  await row('by polling with the address of another’s reference', async () => {
    const { continue: continuation, interact } = await start(POLLING);
    await provider.approve(interact.redirect);
    const body = { interact_ref: 'made-up' };
    refused(await app.continue(continuation, { body }), { status: 404, code: 'invalid_continuation' });
  });
  await row('after a denial', async () => {
    for (const interact of [comingBack(), POLLING]) {
      const pending = await start(interact);
      await provider.deny(pending.interact.redirect);
      refused(await app.continue(pending.continue), DENIED);
      refused(await app.continue(pending.continue, { body: { interact_ref: 'made-up' } }), DENIED);
      // What was denied stays so.
      await assert.rejects(provider.approve(pending.interact.redirect), /409/);
    }
  });
  await row('too late', async () => {
    const { continuation, reference } = await app.consented(access.outgoing(alice));
    const open = await start();
    await provider.advance('PT1H');
    refused(await app.continue(continuation, { body: { interact_ref: reference } }), DENIED);
    refused(await app.continue(open.continue), DENIED);
    await assert.rejects(provider.approve(open.interact.redirect), /409/);
  });
});

scenario('cancelling', async (provider, row) => {
  const { app, alice } = await world(provider);
  const outgoing = access.outgoing(alice, { debitAmount: cad(100) });
  const use = (token) => app.send('GET', `${provider.resource}/outgoing-payment-grant`, { token: token.value });

  await row('before anybody has decided', async () => {
    const pending = succeeded(200, await app.request({ access_token: { access: [outgoing] }, interact: comingBack() }));
    succeeded(204, await app.cancel(pending.continue));
    await assert.rejects(provider.approve(pending.interact.redirect), /409/);
    refused(await app.continue(pending.continue), DENIED);
  });
  await row('after approval', async () => {
    const { continuation, reference } = await app.consented(outgoing);
    succeeded(204, await app.cancel(continuation));
    refused(await app.continue(continuation, { body: { interact_ref: reference } }), DENIED);
  });
  await row('after issue: every token is dead', async () => {
    const { continuation, reference } = await app.consented(outgoing);
    const body = { interact_ref: reference };
    const { access_token: first } = succeeded(200, await app.continue(continuation, { body }));
    const { access_token: second } = succeeded(200, await app.rotate(first));
    succeeded(200, await use(second));
    succeeded(204, await app.cancel(continuation));
    for (const token of [first, second]) {
      refused(await use(token), { status: 403, description: 'Inactive Token' });
      refused(await app.rotate(token), NO_ROTATION);
    }
    succeeded(204, await app.cancel(continuation));
  });
  await row('a grant that needed no consent', async () => {
    const grant = succeeded(200, await app.request({ access_token: { access: [access.quote()] } }));
    succeeded(204, await app.cancel(grant.continue));
    refused(await app.rotate(grant.access_token), NO_ROTATION);
  });
  await row('after a year', async () => {
    const grant = succeeded(200, await app.request({ access_token: { access: [access.quote()] } }));
    await provider.advance('P1Y');
    succeeded(204, await app.cancel(grant.continue));
  });
});

scenario('tokens', async (provider, row) => {
  const { app, alice } = await world(provider);
  const outgoing = access.outgoing(alice, { debitAmount: cad(100) });
  const use = (token) => app.send('GET', `${provider.resource}/outgoing-payment-grant`, { token: token.value });
  const inactive = { status: 403, description: 'Inactive Token' };

  await row('a new one for an old one', async () => {
    const old = await app.consentedToken(outgoing);
    const { access_token: token } = succeeded(200, await app.rotate(old));
    assert.notEqual(token.value, old.value);
    assert.notEqual(token.manage, old.manage);
    assert.deepEqual(token.access, old.access);
    assert.equal(token.expires_in, 600);
    refused(await use(old), inactive);
    succeeded(200, await use(token));
  });
  await row('the same new one, when the answer was lost', async () => {
    const old = await app.consentedToken(outgoing);
    const answers = [await app.rotate(old), ...(await Promise.all([app.rotate(old), app.rotate(old)]))];
    const values = answers.map((answer) => succeeded(200, answer).access_token.value);
    assert.equal(new Set(values).size, 1);
    succeeded(200, await use(answers[0].json.access_token));
    await provider.advance('PT10M');
    refused(await app.rotate(old), NO_ROTATION);
    succeeded(200, await app.rotate(answers[0].json.access_token));
  });
  await row('one of many rotations at once', async () => {
    const old = await app.consentedToken(outgoing);
    const answers = await Promise.all(Array.from({ length: 6 }, () => app.rotate(old)));
    assert.equal(new Set(answers.map((answer) => succeeded(200, answer).access_token.value)).size, 1);
  });
  await row('an expired one', async () => {
    const old = await app.consentedToken(outgoing);
    await provider.advance('PT10M');
    refused(await use(old), inactive);
    succeeded(200, await use(succeeded(200, await app.rotate(old)).access_token));
  });
  await row('one that nobody has used for two years', async () => {
    const old = await app.consentedToken(outgoing);
    await provider.advance('P2Y');
    succeeded(200, await use(succeeded(200, await app.rotate(old)).access_token));
  });
  await row('a revoked one', async () => {
    const token = await app.consentedToken(outgoing);
    succeeded(204, await app.revoke(token));
    refused(await use(token), inactive);
    refused(await app.rotate(token), NO_ROTATION);
  });
  await row('one whose successor was revoked', async () => {
    const old = await app.consentedToken(outgoing);
    const { access_token: token } = succeeded(200, await app.rotate(old));
    succeeded(204, await app.revoke(token));
    refused(await app.rotate(old), NO_ROTATION);
  });
  await row('at the address of another', async () => {
    const [one, two] = [await app.consentedToken(outgoing), await app.consentedToken(outgoing)];
    refused(await app.rotate(one, two.value), NO_ROTATION);
    refused(await app.revoke(one, two.value), { status: 401, code: 'invalid_client' });
    refused(await app.rotate(one, 'made-up'), NO_ROTATION);
    for (const token of [one, two]) succeeded(200, await use(token));
  });
  await row('nowhere', async () => {
    const token = { ...(await app.consentedToken(outgoing)), manage: `${provider.auth}/token/made-up` };
    refused(await app.rotate(token), { status: 404, code: 'invalid_rotation' });
    refused(await app.revoke(token), { status: 401, code: 'invalid_client' });
    refused(await app.send('POST', token.manage), { status: 401, code: 'invalid_client' });
  });
  await row('with the key of another client', async () => {
    const token = await app.consentedToken(outgoing);
    const thief = new RawClient(provider, { key: newKey(app.key.kid), wallet: app.wallet });
    refused(await thief.rotate(token), INVALID_CLIENT);
    refused(await thief.revoke(token), INVALID_CLIENT);
    succeeded(200, await use(token));
  });
});

scenario('no cache keeps what the authorization server answers (RFC 9635, section 3)', async (provider, row) => {
  const { app, alice } = await world(provider);
  const outgoing = access.outgoing(alice, { debitAmount: cad(100) });
  const isNotKept = (answer) => assert.match(answer.headers['cache-control'] ?? '', /\bno-store\b/);

  await row('a grant', async () => {
    isNotKept(await app.request({ access_token: { access: [access.quote()] } }));
  });
  await row('a grant that waits for consent', async () => {
    isNotKept(await app.request({ access_token: { access: [outgoing] }, interact: comingBack() }));
  });
  await row('a continued grant', async () => {
    const { continuation, reference } = await app.consented(outgoing);
    isNotKept(await app.continue(continuation, { body: { interact_ref: reference } }));
  });
  await row('a rotated token', async () => {
    isNotKept(await app.rotate(await app.token(access.quote())));
  });
});
