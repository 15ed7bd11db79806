// Steps that tests of the official client share.

import assert from 'node:assert/strict';
import { isFinalizedGrantWithAccessToken, isPendingGrant, OpenPaymentsClientError } from '@interledger/open-payments';
import { comingBack, interactRef } from './clients.mjs';

/** Runs what must fail, and checks how the client reports it. */
export async function fails(promise, expected) {
  const error = await promise.then(
    (value) => assert.fail(`this should have failed: ${JSON.stringify(value)}`),
    (reason) => reason,
  );
  assert.ok(error instanceof OpenPaymentsClientError, error);
  const { description, ...rest } = expected;
  for (const [name, value] of Object.entries(rest)) assert.equal(error[name], value, `${name}: ${error.description}`);
  if (description instanceof RegExp) assert.match(error.description, description);
  else if (description !== undefined) assert.equal(error.description, description);
  return error;
}

/** Asks for access to spend, or whatever else needs consent. */
export async function ask(app, wallet, request, interact = comingBack()) {
  const pending = await app.client.grant.request({ url: wallet.authServer }, { ...request, interact });
  assert.ok(isPendingGrant(pending), JSON.stringify(pending));
  return { pending, asked: interact, grantEndpoint: wallet.authServer };
}

/** Comes back from a person who has agreed. */
export async function finish(app, provider, question) {
  const reference = interactRef(await provider.approve(question.pending.interact.redirect), question);
  const { access_token, uri } = question.pending.continue;
  return app.client.grant.continue({ url: uri, accessToken: access_token.value }, { interact_ref: reference });
}

/** The whole way to a mandate: a token to spend from the wallet, and how to cancel it. */
export async function mandate(app, provider, wallet, limits, actions = ['read', 'create']) {
  const access = [{ identifier: wallet.id, type: 'outgoing-payment', actions, limits }];
  const grant = await finish(app, provider, await ask(app, wallet, { access_token: { access } }));
  assert.ok(isFinalizedGrantWithAccessToken(grant), JSON.stringify(grant));
  assert.deepEqual(new Set(grant.access_token.access[0].actions), new Set(actions));
  return grant;
}

/** A token that needs no consent. */
export async function token(app, wallet, access) {
  const grant = await app.client.grant.request({ url: wallet.authServer }, { access_token: { access: [access] } });
  assert.ok(isFinalizedGrantWithAccessToken(grant), JSON.stringify(grant));
  return grant.access_token.value;
}

/** A token for one item of access, with the consent of the wallet's owner if it needs that. */
export async function accessTo(app, provider, wallet, item) {
  const asked = comingBack();
  const request = { access_token: { access: [item] }, interact: asked };
  const grant = await app.client.grant.request({ url: wallet.authServer }, request);
  const { access_token } = isPendingGrant(grant)
    ? await finish(app, provider, { pending: grant, asked, grantEndpoint: wallet.authServer })
    : grant;
  return access_token.value;
}
