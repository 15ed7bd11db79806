// Clients: the official one, and one that sends whatever a test wants.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthenticatedClient } from '@interledger/open-payments';
import { conform } from './spec.mjs';
import { send } from './http.mjs';
import { newKey, signedHeaders } from './signature.mjs';

/** Where browsers come back to, in tests that have none. */
export const CALLBACK = 'https://app.example/finish?order=42';

/** An amount in CAD, the asset of the accounts that pay. */
export const cad = (value) => ({ value: String(value), assetCode: 'CAD', assetScale: 2 });

/** An app with a wallet address and the official client, set up as its documentation says: a PEM file and a key id. */
export async function officialApp(provider, name) {
  const { key, wallet } = await registered(provider, name);
  const file = join(provider.folder, `${name}.pem`);
  await writeFile(file, key.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const client = await createAuthenticatedClient({ walletAddressUrl: wallet, privateKey: file, keyId: key.kid });
  return { client, key, wallet };
}

async function registered(provider, name) {
  const { walletAddress } = await provider.account(name, { publicName: `The ${name} app` });
  const key = newKey();
  await provider.addKey(name, key.jwk);
  return { key, wallet: walletAddress };
}

/** `interact` of a grant request whose browser comes back to the callback with a fresh nonce. */
export function comingBack(uri = CALLBACK) {
  return { start: ['redirect'], finish: { method: 'redirect', uri, nonce: randomUUID() } };
}

/** `interact` of a grant request of a client that polls. */
export const POLLING = { start: ['redirect'] };

/**
 * Checks the URL that the browser was sent back to, as clients do.
 *
 * @param {string} returned that URL
 * @param {{ asked: object, pending: object, grantEndpoint: string }} grant the `interact` of the request, the answer
 *   to it, and the URL that it was posted to
 * @returns {string} the interaction reference
 */
export function interactRef(returned, { asked, pending, grantEndpoint }) {
  const url = new URL(returned);
  const reference = url.searchParams.get('interact_ref');
  assert.ok(reference, returned);
  assert.equal(url.searchParams.get('result'), null, returned);
  const values = [asked.finish.nonce, pending.interact.finish, reference, grantEndpoint].join('\n');
  assert.equal(url.searchParams.get('hash'), createHash('sha256').update(values).digest('base64'), returned);
  // The client's own part of the address is as it was.
  url.searchParams.delete('hash');
  url.searchParams.delete('interact_ref');
  assert.equal(url.href, new URL(asked.finish.uri).href);
  return reference;
}

/** A client that signs with its own key and says what it is told to. Every answer is held against the specification. */
export class RawClient {
  constructor(provider, { key = newKey(), wallet, headers = {} } = {}) {
    this.provider = provider;
    this.key = key;
    this.wallet = wallet;
    /** Sent along with every request. */
    this.headers = headers;
  }

  /** One with an account and a wallet address of its own. */
  static async register(provider, name) {
    return new RawClient(provider, await registered(provider, name));
  }

  /**
   * Sends a signed request.
   *
   * @param {object} [parts]
   * @param {string} [parts.token]
   * @param {any} [parts.body] an object, or a text that is sent as it is
   * @param {object} [parts.how] see `signedHeaders`
   * @param {Record<string, string>} [parts.headers] sent along, not signed
   */
  async send(method, url, { token, body, how, headers } = {}) {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const signed = signedHeaders({ method, url, key: this.key, token, body: text }, how);
    return this.deliver(method, url, { headers: { ...this.headers, ...signed, ...headers }, body: text });
  }

  /** Sends a request as it is. */
  async deliver(method, url, parts) {
    const answer = await send(method, url, parts);
    conform(this.provider, method, url, answer);
    return answer;
  }

  /** Asks for a grant. `client` is the wallet address as a string, unless told otherwise. */
  request({ client = this.wallet, ...rest }, how) {
    return this.send('POST', this.provider.auth, { body: { client, ...rest }, how });
  }

  /** Gets a token that needs no consent. */
  async token(...access) {
    return succeeded(200, await this.request({ access_token: { access } })).access_token;
  }

  /** Gets a token that needs consent, which the owner of the wallet gives. */
  async consentedToken(...access) {
    const { continuation, reference } = await this.consented(...access);
    const body = { interact_ref: reference };
    const answer = await this.continue(continuation, { body });
    return succeeded(200, answer).access_token;
  }

  /** Asks for access, and has the owner of the wallet agree: what is left to do is to continue. */
  async consented(...access) {
    const asked = comingBack();
    const pending = succeeded(200, await this.request({ access_token: { access }, interact: asked }));
    const returned = await this.provider.approve(pending.interact.redirect);
    const reference = interactRef(returned, { asked, pending, grantEndpoint: this.provider.auth });
    return { continuation: pending.continue, reference };
  }

  /** Continues a grant request. */
  continue(continuation, { body, token = continuation.access_token.value } = {}) {
    return this.send('POST', continuation.uri, { token, body });
  }

  /** Cancels a grant. */
  cancel(continuation) {
    return this.send('DELETE', continuation.uri, { token: continuation.access_token.value });
  }

  /** Replaces a token. */
  rotate(token, presented = token.value) {
    return this.send('POST', token.manage, { token: presented });
  }

  /** Ends a token. */
  revoke(token, presented = token.value) {
    return this.send('DELETE', token.manage, { token: presented });
  }

  /** Creates a resource: `incoming-payments`, `quotes` or `outgoing-payments`. */
  create(collection, token, body, headers) {
    return this.send('POST', `${this.provider.resource}/${collection}`, { token: token.value, body, headers });
  }

  /** Reads a resource. */
  read(token, url) {
    return this.send('GET', url, { token: token.value });
  }

  /** Makes an incoming payment at a wallet address, under a grant for just that. */
  async incoming(wallet, rest = {}) {
    const token = await this.token(access.incoming(wallet, ['create']));
    return succeeded(201, await this.create('incoming-payments', token, { walletAddress: wallet, ...rest }));
  }
}

/** Items of access. */
export const access = {
  incoming: (identifier, actions = ['create', 'complete', 'read', 'list']) => ({
    type: 'incoming-payment',
    actions,
    identifier,
  }),
  outgoing: (identifier, limits, actions = ['create', 'read']) => ({
    type: 'outgoing-payment',
    actions,
    identifier,
    limits,
  }),
  quote: (actions = ['create', 'read']) => ({ type: 'quote', actions }),
};

/** The body of an answer that has to have this status. */
export function succeeded(status, answer) {
  assert.equal(answer.status, status, answer.text);
  return answer.json;
}

/** Checks a refusal: status, code, and description, a text or a pattern. */
export function refused(answer, { status, code, description }) {
  assert.equal(answer.status, status, answer.text);
  const { error } = answer.json;
  if (code !== undefined) assert.equal(error.code, code, answer.text);
  if (description instanceof RegExp) assert.match(error.description, description);
  else if (description !== undefined) assert.equal(error.description, description);
  return error;
}
