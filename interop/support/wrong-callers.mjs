// Every kind of wrong caller: how it differs from the rightful one.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { access, comingBack, succeeded } from './clients.mjs';
import { ACTIONS, granted, OPERATIONS } from './operations.mjs';
import { contentDigest, newKey, signedHeaders, wireSeconds } from './signature.mjs';

/** How long a token lives. */
const TOKEN_LIFE = 'PT10M';
/** Longer than a client that lost the answer to a rotation can get it again, shorter than a token lives. */
const AFTER_ROTATION = 'PT5M';

/** One operation, and what its rightful caller would send. */
export class Attempt {
  constructor(world, operation) {
    this.world = world;
    this.operation = operation;
  }

  /** Notes how things stand, which no wrong caller may change. */
  async begin() {
    this.before = await this.world.state();
  }

  /** Checks that nothing has changed. */
  async nothingCame() {
    assert.deepEqual(await this.world.state(), this.before);
  }

  /** Lets somebody rightfully make something, which is not to be taken for the work of a wrong caller. */
  async meanwhile(make) {
    await this.nothingCame();
    const made = await make();
    await this.begin();
    return made;
  }

  /** What the rightful caller sends: the same for all wrong callers that leave it as it is. */
  async rightful() {
    this.held ??= await this.operation.fresh(this.world);
    return this.held;
  }

  /** A grant of its own, for callers that do something to it. */
  fresh(client) {
    return this.operation.fresh(this.world, client);
  }

  /** Checks that the token that the rightful caller has had all the time still works, and lets it go. */
  async letGo() {
    const token = this.held?.grant?.token;
    if (token) succeeded(200, await this.world.app.rotate(token));
    this.held = undefined;
  }

  /** Moves the clock on, which ends the rightful caller's token. */
  async wait(duration) {
    await this.letGo();
    await this.world.provider.advance(duration);
  }

  /** A token of the given client for a kind of access and actions. */
  async token(client, actions, { type = this.operation.type, wallet } = {}) {
    return (await granted(client, this.world.item(type, actions, wallet))).token.value;
  }

  /**
   * Sends the request, with what is wrong with it.
   *
   * @param {object} [wrong]
   * @param {RawClient} [wrong.client] who sends and signs it
   * @param {object} [wrong.key] what it is signed with instead
   * @param {string} [wrong.url]
   * @param {string} [wrong.token] undefined sends none
   * @param {object} [wrong.body]
   * @param {object} [wrong.how] see `signedHeaders`
   * @param {object} [wrong.signed] parts of the request as it was signed, where that is another than what is sent
   * @param {(headers: object) => object} [wrong.headers] changes the headers after they were signed
   */
  async call(wrong = {}) {
    const { client, key, url, token, body, how, signed, headers } = {
      client: this.world.app,
      ...(await this.rightful()),
      ...wrong,
    };
    const { method } = this.operation;
    const text = body && JSON.stringify(body);
    const made = signedHeaders({ method, url, key: key ?? client.key, token, body: text, ...signed }, how);
    if (signed?.token) made.authorization = `GNAP ${token}`;
    return client.deliver(method, url, { headers: headers ? headers(made) : made, body: text });
  }

  /** Changes the key set of the app while something is done: a key is revoked, or added, or both in this order. */
  async withKeys({ revoked, added }, run) {
    const { provider, app } = this.world;
    await this.rightful();
    if (revoked) await provider.revokeKey('app', revoked);
    if (added) await provider.addKey('app', added.jwk);
    try {
      return await run(added);
    } finally {
      if (added) await provider.revokeKey('app', added.kid);
      if (revoked) await provider.addKey('app', app.key.jwk);
    }
  }

  /** The cursor of the first resource in the rightful caller's list. */
  async cursorAtOwn() {
    const { pagination } = succeeded(this.operation.success, await this.call());
    return pagination.startCursor;
  }

  /** Sends the request several times, each with another fault of the same kind. */
  async each(faults) {
    const answers = [];
    for (const wrong of faults) answers.push(await this.call(wrong));
    return answers;
  }

  /** What the rightful caller covers, but for one component. */
  async covering(...left) {
    const { token, body } = await this.rightful();
    const all = ['@method', '@target-uri'];
    if (token) all.push('authorization');
    if (body) all.push('content-digest', 'content-length', 'content-type');
    return this.call({ how: { components: all.filter((name) => !left.includes(name)) } });
  }

  /** Has somebody call who may use what another client has made, or may not. */
  async visiting(client, actions, made = this.world.made) {
    const { type, at } = this.operation;
    if (!type) {
      // Grants and tokens are nobody else's in any case.
      const { token } = await this.fresh(client);
      return this.call({ client, token });
    }
    const answer = await this.call({ client, token: await this.token(client, actions), url: at(this.world, made) });
    answer.isSeen = answer.json?.result?.some(({ id }) => Object.values(made).includes(id));
    return answer;
  }
}

const without =
  (...names) =>
  (headers) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

const bytes = (length) => `sig1=:${randomBytes(length).toString('base64')}:`;

const backwards = (text) => [...text].reverse().join('');

/** A body of the same length that says something else, so that only the digest can tell. */
const otherBody = (body) =>
  Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, typeof value === 'string' ? backwards(value) : value]),
  );

function withQuery(text, changes) {
  const url = new URL(text);
  for (const [name, value] of Object.entries(changes)) url.searchParams.set(name, value);
  return url.href;
}

const isAll = (action) => action.endsWith('-all');

/** What each kind of caller does; it gives the answer, or several that have to be alike. */
export const KINDS = {
  // Without a token, or with one that is no more.
  'no token': (attempt) => attempt.call({ token: undefined }),
  'a malformed Authorization': async (attempt) => {
    const { token } = await attempt.rightful();
    const values = [`Bearer ${token}`, `GNAP${token}`, `GNAP ${token} more`, token, 'GNAP', 'GNAP ', ''];
    return attempt.each(values.map((authorization) => ({ how: { authorization } })));
  },
  'two Authorizations': async (attempt) => {
    const own = await attempt.fresh();
    // Two lines say what one line says that has both, and that is malformed. Signed as RFC 9421 joins them.
    const both = [`GNAP ${own.token}`, 'GNAP another'];
    return attempt.each(
      [both, [...both].reverse()].map((lines) => ({
        ...own,
        how: { authorization: lines.join(', ') },
        headers: (headers) => ({ ...headers, authorization: lines }),
      })),
    );
  },
  'an unknown token': async (attempt) => {
    const { token } = await attempt.rightful();
    const values = [randomBytes(32).toString('base64url'), `${token}A`, token.slice(0, -1)];
    return attempt.each(values.map((value) => ({ token: value })));
  },
  'an expired token': async (attempt) => {
    const fresh = await attempt.fresh();
    await attempt.wait(TOKEN_LIFE);
    return attempt.call(fresh);
  },
  'a revoked token': async (attempt) => {
    const fresh = await attempt.fresh();
    succeeded(204, await attempt.world.app.revoke(fresh.grant.token));
    return attempt.call(fresh);
  },
  'a token of a cancelled grant': async (attempt) => {
    const fresh = await attempt.fresh();
    succeeded(204, await attempt.world.app.cancel(fresh.grant.continuation));
    return attempt.call(fresh);
  },
  'a token rotated away just now': async (attempt) => {
    const fresh = await attempt.fresh();
    succeeded(200, await attempt.world.app.rotate(fresh.grant.token));
    return attempt.call(fresh);
  },
  'a token rotated away long ago': async (attempt) => {
    const { app } = attempt.world;
    const fresh = await attempt.fresh();
    const { access_token: successor } = succeeded(200, await app.rotate(fresh.grant.token));
    await attempt.wait(AFTER_ROTATION);
    const answer = await attempt.call(fresh);
    succeeded(200, await app.rotate(successor));
    return answer;
  },

  // With a token that is good for something else.
  'a token for another wallet': async (attempt) => {
    const { type } = attempt.operation;
    const token = await attempt.token(attempt.world.app, ACTIONS[type], { wallet: attempt.world.carol });
    return attempt.call({ token });
  },
  'a token without the action': async (attempt) => {
    const { type, needs } = attempt.operation;
    const actions = ACTIONS[type].filter((action) => !needs.includes(action));
    return attempt.call({ token: await attempt.token(attempt.world.app, actions) });
  },
  'a token for other resources': async (attempt) => {
    const { world, operation } = attempt;
    const types = Object.keys(ACTIONS).filter((type) => type !== operation.type);
    const wallet = operation.type === 'incoming-payment' ? world.bob : world.alice;
    const { token } = await granted(world.app, ...types.map((type) => world.item(type, ACTIONS[type], wallet)));
    return attempt.call({ token: token.value });
  },
  'the continuation token of the grant': async (attempt) => {
    const { grant } = await attempt.rightful();
    return attempt.call({ token: grant.continuation.access_token.value });
  },
  'the access token of the grant': async (attempt) => {
    const fresh = await OPERATIONS.cancel.fresh(attempt.world);
    return attempt.call({ url: fresh.url, token: fresh.grant.token.value });
  },
  'the token of another grant': async (attempt) => attempt.call({ token: (await attempt.fresh()).token }),
  'at the address of nothing': (attempt) => attempt.call({ url: attempt.operation.nothing(attempt.world) }),

  // Somebody else.
  'a stolen token, signed by the thief': (attempt) => attempt.call({ client: attempt.world.other }),
  'a thief’s token, signed by its victim': async (attempt) => {
    const { app, other } = attempt.world;
    return attempt.call({ ...(await attempt.fresh(other)), client: app });
  },
  'another client, for its own': async (attempt) => {
    const actions = ACTIONS[attempt.operation.type]?.filter((action) => !isAll(action));
    return attempt.visiting(attempt.world.other, actions);
  },
  'another client, for all': (attempt) => attempt.visiting(attempt.world.other, ACTIONS[attempt.operation.type]),
  'another client’s quote': async (attempt) => {
    const { world } = attempt;
    const { quote } = await attempt.meanwhile(() => world.make(world.other));
    return attempt.call({ body: { walletAddress: world.alice, quoteId: quote } });
  },
  'another client’s cursor': async (attempt) => {
    const { world, operation } = attempt;
    const cursor = await attempt.cursorAtOwn();
    const token = await attempt.token(world.other, ['list']);
    return attempt.call({ client: world.other, url: withQuery(operation.at(world), { cursor }), token });
  },
  'a cursor of another wallet': async (attempt) => {
    const { world, operation } = attempt;
    const cursor = await attempt.cursorAtOwn();
    const token = await attempt.token(world.app, ['list'], { wallet: world.carol });
    return attempt.call({ url: withQuery(operation.at(world), { 'wallet-address': world.carol, cursor }), token });
  },
  'another client’s idempotency key': async (attempt) => {
    const { other } = attempt.world;
    const { url, body, token } = await attempt.fresh(other);
    const key = { 'idempotency-key': randomUUID() };
    await attempt.meanwhile(async () => succeeded(201, await other.send('POST', url, { token, body, headers: key })));
    // With what it takes to do the same, it is another thing; without, the key does not help.
    const reading = ACTIONS[attempt.operation.type].filter((action) => action !== 'create');
    const mayNot = await attempt.token(attempt.world.app, reading);
    return attempt.call({ token: mayNot, headers: (headers) => ({ ...headers, ...key }) });
  },
  'a bare key that asks for consent': async (attempt) => {
    const client = attempt.world.bareKey();
    const items = [
      [attempt.world.item('outgoing-payment', ['create'])],
      [attempt.world.item('incoming-payment', ['list-all'])],
      [attempt.world.item('outgoing-payment', ['read'])],
    ];
    const bodies = items.map((item) => ({ access_token: { access: item } }));
    const subject = { sub_ids: [{ id: attempt.world.alice, format: 'uri' }] };
    return attempt.each(
      [...bodies, { subject }].map((body) => ({
        client,
        body: { client: client.wallet, ...body, interact: comingBack() },
      })),
    );
  },
  'consent without a way to ask for it': async (attempt) => {
    const { app } = attempt.world;
    const item = attempt.world.item('outgoing-payment', ['create']);
    return attempt.call({ body: { client: app.wallet, access_token: { access: [item] } } });
  },
  'a bare key that did not sign': async (attempt) => {
    const { app } = attempt.world;
    const keys = [newKey(), newKey(app.key.kid)];
    const body = (jwk) => ({ client: { jwk }, access_token: { access: [access.quote()] } });
    return attempt.each(keys.map((key) => ({ body: body(key.jwk) })));
  },
  'a bare key, for what another has made': async (attempt) => {
    const { world, operation } = attempt;
    const made = await attempt.meanwhile(() => world.make(world.bareKey()));
    const actions = ACTIONS[operation.type].filter((action) => !isAll(action));
    return attempt.visiting(world.bareKey(), actions, made);
  },
  'the client’s key without its name': async (attempt) => {
    const { world, operation } = attempt;
    const actions = ACTIONS[operation.type].filter((action) => !isAll(action));
    return attempt.visiting(world.bareKey(world.app.key), actions);
  },

  // Signatures that are missing or cannot be read.
  unsigned: (attempt) => attempt.call({ headers: without('signature', 'signature-input') }),
  'malformed signature headers': (attempt) =>
    attempt.each(
      [
        without('signature'),
        without('signature-input'),
        (headers) => ({ ...headers, signature: '((((' }),
        (headers) => ({ ...headers, signature: 'sig1="text"' }),
        (headers) => ({ ...headers, signature: bytes(63) }),
        (headers) => ({ ...headers, signature: '' }),
        (headers) => ({ ...headers, signature: headers.signature.replace('sig1', 'sig2') }),
        (headers) => ({ ...headers, 'signature-input': 'sig1=1' }),
        (headers) => ({ ...headers, 'signature-input': 'sig1=("@method";)' }),
        (headers) => ({ ...headers, 'signature-input': headers['signature-input'].replace(/;keyid="[^"]*"/, '') }),
      ].map((headers) => ({ headers })),
    ),

  // Signatures of something else.
  'a signature of random bytes': (attempt) =>
    attempt.call({ headers: (headers) => ({ ...headers, signature: bytes(64) }) }),
  'a signature of another method': (attempt) => attempt.call({ signed: { method: 'PATCH' } }),
  'a signature of another host': async (attempt) => {
    const { url } = await attempt.rightful();
    const others = [url.replace('localhost', '127.0.0.1'), url.replace(/:\d+/, ''), url.replace('http:', 'https:')];
    return attempt.each(others.map((other) => ({ signed: { url: other } })));
  },
  'a signature of another path': async (attempt) => {
    const { url } = await attempt.rightful();
    const others = [`${url}/`, `${url}${url.includes('?') ? '&' : '?'}page=2`, url.replace(/\w$/, '')];
    return attempt.each(others.map((other) => ({ signed: { url: other } })));
  },
  'a signature over another token': async (attempt) =>
    attempt.call({ signed: { token: (await attempt.fresh()).token } }),

  // Signatures by something else.
  'a key outside the key set': (attempt) => attempt.call({ key: newKey() }),
  'another key of the same name': (attempt) => attempt.call({ key: newKey(attempt.world.app.key.kid) }),
  'a second key of the client': (attempt) => attempt.withKeys({ added: newKey() }, (key) => attempt.call({ key })),
  'a revoked key': async (attempt) => {
    const { kid } = attempt.world.app.key;
    return [
      await attempt.withKeys({ revoked: kid }, () => attempt.call()),
      await attempt.withKeys({ revoked: kid, added: newKey(kid) }, () => attempt.call()),
    ];
  },
  'the heir of a revoked key’s name': (attempt) => {
    const { kid } = attempt.world.app.key;
    return attempt.withKeys({ revoked: kid, added: newKey(kid) }, (key) => attempt.call({ key }));
  },

  // Signatures at another time.
  'made six minutes ago': (attempt) => attempt.call({ how: { parameters: { created: wireSeconds() - 360 } } }),
  'made in two minutes': (attempt) => attempt.call({ how: { parameters: { created: wireSeconds() + 120 } } }),
  'made at no time': (attempt) => attempt.call({ how: { parameters: { created: undefined } } }),
  'past its end': (attempt) =>
    attempt.call({ how: { parameters: { created: wireSeconds() - 20, expires: wireSeconds() - 10 } } }),
  'a nonce for the second time': async (attempt) => {
    const { app } = attempt.world;
    const parameters = { nonce: randomUUID() };
    succeeded(200, await app.request({ access_token: { access: [access.quote()] } }, { parameters }));
    return attempt.call({ how: { parameters } });
  },
  'another algorithm': (attempt) =>
    attempt.each(['hmac-sha256', 'rsa-v1_5-sha256', ''].map((alg) => ({ how: { parameters: { alg } } }))),

  // Signatures that cover too little.
  'nothing is covered': (attempt) => attempt.call({ how: { components: [] } }),
  'the method is not covered': (attempt) => attempt.covering('@method'),
  'the URL is not covered': (attempt) => attempt.covering('@target-uri'),
  'the token is not covered': (attempt) => attempt.covering('authorization'),
  'the body is not covered': (attempt) => attempt.covering('content-digest'),
  'a body without a digest': async (attempt) => {
    const { token } = await attempt.rightful();
    const components = ['@method', '@target-uri', ...(token ? ['authorization'] : [])];
    return attempt.call({ how: { components }, headers: without('content-digest') });
  },
  'another body than was signed': async (attempt) => {
    const { body } = await attempt.rightful();
    return attempt.call({ signed: { body: JSON.stringify(otherBody(body)) } });
  },
  'the digest of another body': (attempt) => attempt.call({ how: { digest: contentDigest('{}') } }),
  'a digest that nobody trusts': (attempt) =>
    attempt.each(
      ['md5=:1B2M2Y8AsgTpgAmY7PhCfg==:', 'sha-1=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:', 'sha-512=1', ''].map((digest) => ({
        how: { digest },
      })),
    ),
};


/** What a refusal has to speak of, so that it is not for another reason. */
export const SAYS = {
  'a signature of random bytes': /does not verify/,
  'a signature of another method': /does not verify/,
  'a signature of another host': /does not verify/,
  'a signature of another path': /does not verify/,
  'a signature over another token': /does not verify/,
  'a key outside the key set': /key/,
  'another key of the same name': /does not verify/,
  'a second key of the client': /bound to/,
  'a revoked key': /revoked|does not verify/,
  'the heir of a revoked key’s name': /revoked/,
  'made six minutes ago': /created at \d+, 36\d s before/,
  'made in two minutes': /created at \d+, 1[12]\d s after/,
  'made at no time': /no created/,
  'past its end': /expired at/,
  'a nonce for the second time': /nonce .*used before/,
  'another algorithm': /alg/,
  'nothing is covered': /not cover "@method", "@target-uri"/,
  'the method is not covered': /not cover "@method"$/,
  'the URL is not covered': /not cover "@target-uri"$/,
  'the token is not covered': /not cover "authorization"/,
  'the body is not covered': /not cover "content-digest"/,
  'a body without a digest': /content-digest/i,
  'another body than was signed': /digest/i,
  'the digest of another body': /digest/i,
  'a digest that nobody trusts': /digest/i,
};
