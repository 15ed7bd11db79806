// Which signatures are accepted and how the others are refused, at both servers that want them.

import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { access, cad, RawClient, refused, succeeded } from './support/clients.mjs';
import { scenario } from './support/provider.mjs';
import { contentDigest, newKey, signedHeaders, wireSeconds } from './support/signature.mjs';

/** A client, and a request that it can make at each server. */
async function world(provider) {
  const app = await RawClient.register(provider, 'app');
  const bob = (await provider.account('bob')).walletAddress;
  const token = await app.token(access.incoming(bob));
  const auth = {
    url: provider.auth,
    body: JSON.stringify({ client: app.wallet, access_token: { access: [access.quote()] } }),
    status: 200,
  };
  const resource = {
    url: `${provider.resource}/incoming-payments`,
    token: token.value,
    body: JSON.stringify({ walletAddress: bob }),
    status: 201,
  };
  return { app, bob, token, auth, resource };
}

/**
 * Sends the request of one of the servers.
 *
 * @param {object} how see `signedHeaders`
 * @param {object} [after] what happens to the request after it was signed
 */
function post(app, { url, token, body }, how = {}, after = {}) {
  const signed = signedHeaders(
    { method: 'POST', url: after.signedUrl ?? url, key: after.key ?? app.key, token, body },
    how,
  );
  const headers = after.headers ? after.headers(signed) : signed;
  return app.deliver('POST', url, { headers, body: after.body ?? body, connectTo: after.connectTo });
}

const BODY_PARTS = ['content-digest', 'content-length', 'content-type'];
const covering = (token, ...rest) => ['@method', '@target-uri', ...(token ? ['authorization'] : []), ...rest];

scenario('signatures that are accepted', async (provider, row) => {
  const { app, auth, resource } = await world(provider);
  const ways = {
    'as the official client makes them': () => ({}),
    'another label': () => ({ label: 'my-signature_2' }),
    'a label that begins with an asterisk': () => ({ label: '*a.b' }),
    'a sha-256 digest': ({ body }) => ({ digest: contentDigest(body, 'sha-256') }),
    'two digests': ({ body }) => ({ digest: `${contentDigest(body, 'sha-256')}, ${contentDigest(body)}` }),
    'no more covered than must be': ({ token }) => ({ components: covering(token, 'content-digest') }),
    'more covered than must be': ({ token }) => ({ components: covering(token, ...BODY_PARTS, '@authority') }),
    'another order': ({ token }) => ({ components: covering(token, 'content-digest').reverse() }),
    'almost five minutes old': () => ({ parameters: { created: wireSeconds() - 290 } }),
    'by a clock that is a little fast': () => ({ parameters: { created: wireSeconds() + 50 } }),
    'with an end that is not reached': () => ({ parameters: { expires: wireSeconds() + 60 } }),
    'with a nonce': () => ({ parameters: { nonce: randomUUID() } }),
    'with the algorithm': () => ({ parameters: { alg: 'ed25519' } }),
    'with a tag': () => ({ parameters: { tag: 'app' } }),
  };
  for (const [name, way] of Object.entries(ways)) {
    await row(name, async () => {
      for (const request of [auth, resource]) succeeded(request.status, await post(app, request, way(request)));
    });
  }
  await row('the same one twice, when it has no nonce', async () => {
    for (const request of [auth, resource]) {
      const same = { parameters: { created: wireSeconds() } };
      for (let time = 0; time < 2; time += 1) succeeded(request.status, await post(app, request, same));
    }
  });
  await row('over the public URL, whatever the proxy has made of it', async () => {
    const after = { connectTo: `127.0.0.1:${provider.port}` };
    for (const request of [auth, resource]) succeeded(request.status, await post(app, request, {}, after));
  });
  await row('a JSON content type without a body', async () => {
    const token = await app.token(access.quote());
    succeeded(200, await app.rotate(token));
  });
});

scenario('signatures that do not verify', async (provider, row) => {
  const { app, auth, resource } = await world(provider);
  const stranger = newKey(app.key.kid);
  // As long as the real one, so that only its digest can tell.
  const other = (body) => body.replace('"create","read"', '"read","create"').replace('/bob"', '/app"');
  const random = (headers) => ({ ...headers, signature: `sig1=:${randomBytes(64).toString('base64')}:` });
  const cases = {
    'six minutes old': () => [{ parameters: { created: wireSeconds() - 360 } }],
    'from two minutes ahead': () => [{ parameters: { created: wireSeconds() + 120 } }],
    'past its end': () => [{ parameters: { created: wireSeconds() - 20, expires: wireSeconds() - 10 } }],
    'by another key of that name': () => [{}, { key: stranger }],
    'by a key that nobody knows': () => [{}, { key: newKey() }],
    'random bytes': () => [{}, { headers: random }],
    'of another method': ({ token, body, url }) => [
      {},
      { headers: () => signedHeaders({ method: 'PUT', url, key: app.key, token, body }) },
    ],
    'of another URL': ({ url }) => [{}, { signedUrl: `${url}?page=2` }],
    'of the address behind the proxy': ({ url }) => [{}, { signedUrl: url.replace('localhost', '127.0.0.1') }],
    'of another body, with its digest': ({ body }) => [{}, { body: other(body) }],
    'of the digest of another body': ({ body }) => [{ digest: contentDigest(other(body)) }],
    'of a digest nobody trusts': () => [{ digest: 'md5=:1B2M2Y8AsgTpgAmY7PhCfg==:' }],
    'with another algorithm': () => [{ parameters: { alg: 'rsa-v1_5-sha256' } }],
  };
  for (const [name, make] of Object.entries(cases)) {
    await row(name, async () => {
      const atAuth = await post(app, auth, ...make(auth));
      refused(atAuth, { status: 400, code: 'invalid_client', description: /./ });
      const atResource = await post(app, resource, ...make(resource));
      refused(atResource, { status: 401, description: /^Signature validation error: ./ });
    });
  }
  await row('with a nonce that was used before', async () => {
    for (const [request, status] of [
      [auth, 400],
      [resource, 401],
    ]) {
      const same = { parameters: { nonce: randomUUID() } };
      succeeded(request.status, await post(app, request, same));
      refused(await post(app, request, same), { status, description: /nonce/ });
    }
  });
  await row('of another token', async () => {
    const { value } = await app.token(access.incoming(undefined));
    const answer = await post(
      app,
      resource,
      {},
      { headers: (headers) => ({ ...headers, authorization: `GNAP ${value}` }) },
    );
    refused(answer, { status: 401, description: /^Signature validation error/ });
  });
  await row('and the developer is shown what was to be signed', async () => {
    for (const request of [auth, resource]) {
      const { error } = (await post(app, request, {}, { key: stranger })).json;
      assert.match(error.details.signatureBase, /^"@method": POST\n"@target-uri": /);
    }
  });
});

scenario('signatures that do not cover what they must', async (provider, row) => {
  const { app, auth, resource } = await world(provider);
  const cases = {
    'not the method': ({ token }) => covering(token, ...BODY_PARTS).filter((part) => part !== '@method'),
    'not the URL': ({ token }) => covering(token, ...BODY_PARTS).filter((part) => part !== '@target-uri'),
    'not the body': ({ token }) => covering(token, 'content-type'),
    'not the token': () => covering(undefined, ...BODY_PARTS),
    nothing: () => [],
  };
  for (const [name, components] of Object.entries(cases)) {
    await row(name, async () => {
      const atResource = await post(app, resource, { components: components(resource) });
      refused(atResource, { status: 401, description: /./ });
      if (name === 'not the token') return;
      const atAuth = await post(app, auth, { components: components(auth) });
      assert.ok([400, 401].includes(atAuth.status), atAuth.text);
      refused(atAuth, { code: 'invalid_client', status: atAuth.status });
    });
  }
  await row('no time of making', async () => {
    for (const request of [auth, resource]) {
      const answer = await post(app, request, { parameters: { created: undefined } });
      assert.ok([400, 401].includes(answer.status), answer.text);
      assert.match(answer.json.error.description, /created/);
    }
  });
  await row('no digest of the body at all', async () => {
    const bare = ({ 'content-digest': _, ...headers }) => headers;
    for (const request of [auth, resource]) {
      const how = { components: covering(request.token) };
      const answer = await post(app, request, how, { headers: bare });
      assert.ok([400, 401].includes(answer.status), answer.text);
      assert.match(answer.json.error.description, /digest/);
    }
  });
  await row('the token is not covered at the authorization server either', async () => {
    const token = await app.token(access.quote());
    const how = { components: ['@method', '@target-uri'] };
    const answer = await app.send('POST', token.manage, { token: token.value, how });
    assert.ok([400, 401].includes(answer.status), answer.text);
    succeeded(200, await app.rotate(token));
  });
});

scenario('signature headers that are missing or cannot be read', async (provider, row) => {
  const { app, auth, resource } = await world(provider);
  const without =
    (...names) =>
    (headers) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
  const cases = {
    'no headers': without('signature', 'signature-input'),
    'no Signature': without('signature'),
    'no Signature-Input': without('signature-input'),
    'a Signature that is no dictionary': (headers) => ({ ...headers, signature: '((((' }),
    'a Signature that is no bytes': (headers) => ({ ...headers, signature: 'sig1="text"' }),
    'a Signature that is too short': (headers) => ({
      ...headers,
      signature: `sig1=:${randomBytes(63).toString('base64')}:`,
    }),
    'a Signature of another label': (headers) => ({ ...headers, signature: headers.signature.replace('sig1', 'sig2') }),
    'a Signature-Input that is no list': (headers) => ({ ...headers, 'signature-input': 'sig1=1' }),
    'a Signature-Input without a key': (headers) => ({
      ...headers,
      'signature-input': headers['signature-input'].replace(/;keyid="[^"]*"/, ''),
    }),
  };
  for (const [name, change] of Object.entries(cases)) {
    await row(name, async () => {
      const atAuth = await post(app, auth, {}, { headers: change });
      refused(atAuth, { status: 401, code: 'invalid_client', description: /./ });
      const atResource = await post(app, resource, {}, { headers: change });
      const { description } = refused(atResource, { status: 401 });
      assert.doesNotMatch(description, /signature validation/i, 'clients would take their key for revoked');
    });
  }
});

scenario('keys', async (provider, row) => {
  const app = await RawClient.register(provider, 'app');
  const bob = (await provider.account('bob')).walletAddress;
  const url = `${provider.resource}/incoming-payments`;
  const use = (token) => app.send('POST', url, { token: token.value, body: { walletAddress: bob } });

  await row('the key set shows what is needed, and no cache keeps it', async () => {
    const answer = await app.deliver('GET', `${app.wallet}/jwks.json`);
    const { keys } = succeeded(200, answer);
    assert.deepEqual(keys, [app.key.jwk]);
    assert.match(answer.headers['cache-control'], /no-store/);
  });
  await row('a second key of the wallet is not the one the grant is bound to', async () => {
    const token = await app.token(access.incoming(bob));
    const second = newKey();
    await provider.addKey('app', second.jwk);
    const both = new RawClient(provider, { key: second, wallet: app.wallet });
    const answer = await both.send('POST', url, { token: token.value, body: { walletAddress: bob } });
    refused(answer, { status: 401, description: /^Signature validation error/ });
    refused(await both.rotate(token), { status: 400, code: 'invalid_client' });
    // With a grant of its own it is as good as the first.
    succeeded(
      201,
      await both.create('incoming-payments', await both.token(access.incoming(bob)), { walletAddress: bob }),
    );
  });
  await row('a revoked key', async () => {
    const token = await app.token(access.incoming(bob));
    await provider.revokeKey('app', app.key.kid);
    refused(await use(token), { status: 401, description: /^Signature validation error/ });
    const request = { access_token: { access: [access.quote()] } };
    refused(await app.request(request), { status: 400, code: 'invalid_client' });
    const { keys } = (await app.deliver('GET', `${app.wallet}/jwks.json`)).json;
    assert.ok(!keys.some(({ kid }) => kid === app.key.kid));
    await provider.addKey('app', app.key.jwk);
    succeeded(201, await use(token));
  });
  await row('clients that do not exist', async () => {
    const request = { access_token: { access: [access.quote()] } };
    for (const client of [`${provider.url}/nobody`, 'nobody', { walletAddress: `${provider.url}/nobody` }]) {
      refused(await app.request({ client, ...request }), { status: 400, code: 'invalid_client' });
    }
  });
  await row('a key in the request that did not sign it', async () => {
    const request = { access_token: { access: [access.quote()] } };
    refused(await app.request({ client: { jwk: newKey().jwk }, ...request }), { status: 400, code: 'invalid_client' });
    refused(await app.request({ client: { jwk: newKey(app.key.kid).jwk }, ...request }), {
      status: 400,
      code: 'invalid_client',
    });
    for (const wrong of [{ alg: 'RS256' }, { kty: 'EC' }, { crv: 'X25519' }, { x: 'AAAA' }]) {
      const answer = await app.request({ client: { jwk: { ...app.key.jwk, ...wrong } }, ...request });
      assert.equal(answer.status, 400, JSON.stringify(wrong));
      assert.ok(['invalid_client', 'invalid_request'].includes(answer.json.error.code), answer.text);
    }
  });
});

scenario('clients whose wallet address is at another server', async (provider, row) => {
  /** Wallet addresses by path: a document and a key set, and what happens before they are told. */
  const wallets = {};
  const asked = [];
  const elsewhere = await provider.beside(async (request, response) => {
    asked.push(request.url);
    const [, path, isKeys] = /^(\/[^/]*)(\/jwks\.json)?$/.exec(request.url) ?? [];
    const wallet = wallets[path];
    await wallet?.before?.(response);
    if (response.writableEnded) return;
    response.writeHead(wallet ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKeys ? { keys: wallet?.keys } : { ...wallet?.document, id: `${elsewhere}${path}` }));
  });
  const document = {
    publicName: 'Far away',
    assetCode: 'EUR',
    assetScale: 2,
    authServer: elsewhere,
    resourceServer: elsewhere,
  };
  const client = (name, { key = newKey(), before, keys = [key.jwk] } = {}) => {
    wallets[`/${name}`] = { document, keys, before };
    return new RawClient(provider, { key, wallet: `${elsewhere}/${name}` });
  };
  const request = (one, rest) => one.request({ access_token: { access: [access.quote()] }, ...rest });

  await row('are found there', async () => {
    const one = client('one');
    for (const named of [one.wallet, { walletAddress: one.wallet }])
      succeeded(200, await request(one, { client: named }));
    const answers = await Promise.all(Array.from({ length: 3 }, () => request(one)));
    for (const answer of answers) succeeded(200, answer);
    const token = await one.token(access.quote());
    succeeded(200, await one.rotate(token));
    assert.ok(asked.includes('/one/jwks.json'));
  });
  await row('have keys of other kinds as well', async () => {
    const key = newKey();
    const other = [
      { kty: 'RSA', kid: 'rsa', alg: 'RS256', n: 'sXch', e: 'AQAB' },
      { kty: 'oct', k: 'AA' },
    ];
    succeeded(200, await request(client('many', { key, keys: [...other, key.jwk] })));
  });
  await row('do not have this key', async () => {
    const two = client('two', { keys: [newKey().jwk] });
    refused(await request(two), { status: 400, code: 'invalid_client' });
    const none = client('none', { keys: [] });
    refused(await request(none), { status: 400, code: 'invalid_client' });
  });
  await row('get a key that was added just now', async () => {
    const three = client('three');
    succeeded(200, await request(three));
    const added = newKey();
    wallets['/three'].keys.push(added.jwk);
    const newer = new RawClient(provider, { key: added, wallet: three.wallet });
    // A set that lacks the key may be kept, but only for a moment.
    let answer = await request(newer);
    for (let tried = 0; answer.status !== 200 && tried < 100; tried += 1) {
      await sleep(50);
      answer = await request(newer);
    }
    succeeded(200, answer);
  });
  await row('are not found', async () => {
    const nobody = new RawClient(provider, { wallet: `${elsewhere}/nobody` });
    refused(await request(nobody), { status: 400, code: 'invalid_client' });
  });
  await row('are many, and all at once', async () => {
    const clients = Array.from({ length: 12 }, (_, number) => client(`crowd-${number}`, { before: () => sleep(50) }));
    for (const answer of await Promise.all(clients.map((one) => request(one)))) succeeded(200, answer);
  });
  await row('are not looked for where their server points', async () => {
    const other = client('other');
    const key = newKey();
    wallets['/other'].keys = [key.jwk];
    client('moved', {
      before: (response) =>
        response.writeHead(302, { location: `http://127.0.0.1:${new URL(elsewhere).port}/other/jwks.json` }).end(),
    });
    const moved = new RawClient(provider, { key, wallet: `${elsewhere}/moved` });
    refused(await request(moved), { status: 400, code: 'invalid_client' });
    assert.ok(!asked.includes('/other/jwks.json'), other.wallet);
  });
  await row('say more than anybody wants to hear', async () => {
    const key = newKey();
    const loud = client('loud', { key, keys: Array(2000).fill(key.jwk) });
    refused(await request(loud), { status: 400, code: 'invalid_client' });
  });
});

scenario('bodies that are too large are not read', async (provider) => {
  const { app, resource } = await world(provider);
  const body = JSON.stringify({ ...JSON.parse(resource.body), metadata: { text: 'x'.repeat(100_000) } });
  const answer = await post(app, { ...resource, body });
  refused(answer, { status: 413 });
  const metadata = { amounts: [cad(1)], text: 'é☃'.repeat(1000) };
  const made = await post(app, { ...resource, body: JSON.stringify({ ...JSON.parse(resource.body), metadata }) });
  assert.deepEqual(succeeded(201, made).metadata, metadata);
});
