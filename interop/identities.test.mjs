// Log-in at other identity providers, in a real browser: at one from npm, and at one that can be made to lie.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import http from 'node:http';
import { after } from 'node:test';
import Oidc from 'oidc-provider';
import { access, cad, comingBack, interactRef, RawClient, succeeded } from './support/clients.mjs';
import { isBack, logIn, Person, press, text } from './support/browser.mjs';
import { listening, scenario } from './support/provider.mjs';

/** Servers whose ports must be known before anything else is started; who answers there is up to each scenario. */
class Site {
  #server = http.createServer((request, response) => this.answer(request, response));

  static async open() {
    const site = new Site();
    // Another host name than the provider's, so that browsers take it for another site.
    site.url = `http://127.0.0.1:${await listening(site.#server)}`;
    after(() => {
      site.#server.close();
      site.#server.closeAllConnections();
    });
    return site;
  }

  answer(_, response) {
    response.writeHead(404).end();
  }
}

const [corp, other] = [await Site.open(), await Site.open()];
/** Many pages of two servers, on machines that are slow. */
const PATIENCE_MS = 300_000;

const entry = (id, site, rest = '') => `
[[log_in.providers]]
id = "${id}"
name = "${id === 'corp' ? 'Corp' : 'Other'}"
issuer = "${site.url}"
client_id = "bank"
client_secret = "s3cret & more%"
${rest}
`;

const path = (page) => new URL(page.url()).pathname;
const button = (page, name) => page.getByRole('button', { name });

/** A key set with its private part. */
function keys(kid, alg = 'RS256') {
  const pair =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, alg, use: 'sig', ...pair.privateKey.export({ format: 'jwk' }) };
}

/** The provider from npm. Whoever types a name there is that person. */
function npm(site, provider, jwk, rest = {}) {
  const oidc = new Oidc(site.url, {
    clients: [
      {
        client_id: 'bank',
        client_secret: 's3cret & more%',
        redirect_uris: [`${provider.url}/login/with/corp/back`],
        id_token_signed_response_alg: jwk.alg,
      },
    ],
    ...rest,
    jwks: { keys: [jwk] },
    cookies: { keys: ['only for tests'] },
    claims: { openid: ['sub'], profile: ['preferred_username', 'name'] },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    findAccount: (_, accountId) => ({
      accountId,
      claims: () => ({ sub: `subject-of-${accountId}`, preferred_username: accountId, name: `${accountId} at Corp` }),
    }),
  });
  site.answer = oidc.callback();
}

/** Logs in at the provider from npm, and agrees that we may know; it asks for that once. */
async function logInThere(page, name, { isKnown = false } = {}) {
  await page.waitForURL((url) => url.pathname.startsWith('/interaction/'));
  await page.fill('input[name="login"]', name);
  await page.fill('input[name="password"]', 'any');
  await page.click('button[type="submit"]');
  if (!isKnown) await page.getByRole('button', { name: 'Continue' }).click();
}

/** Comes back from there. */
const comeBack = (page, provider) => page.waitForURL((url) => url.href.startsWith(provider.url) && !url.pathname.includes('/with/'));

/** A browser that fetches nothing from the internet, where the pages of the provider from npm have their fonts. */
async function visitor() {
  const person = await Person.sitDown();
  const isFar = (url) => !['localhost', '127.0.0.1'].includes(url.hostname);
  await person.context.route(isFar, (route) => route.fulfill({ contentType: 'text/css', body: '' }));
  return person;
}

/** What the pages of the provider from npm make a browser say. */
const ITS_OWN = [/^http:\/\/127\.0\.0\.1/];

scenario(
  'somebody links an identity, logs in with it, and decides about a request',
  async (provider) => {
    // One that takes our secret only in the form.
    npm(corp, provider, keys('one'), { clientAuthMethods: ['client_secret_post'], clientDefaults: { token_endpoint_auth_method: 'client_secret_post' } });
    const app = await RawClient.register(provider, 'app');
    const alice = (await provider.account('alice')).walletAddress;

    // Who is linked to nobody gets no further.
    const person = await visitor();
    const page = await person.open(`${provider.url}/login`);
    await button(page, 'Continue with Corp').click();
    await logInThere(page, 'al');
    await page.getByText('belongs to no account here yet').waitFor();
    assert.deepEqual(await person.context.cookies(provider.url).then((all) => all.filter((c) => c.name.includes('session'))), []);

    // Linked from the account page, it is enough.
    await logIn(page, 'alice');
    await page.goto(`${provider.url}/wallet/account/identities`);
    await button(page, 'Link Corp').click();
    await page.getByText('as al', { exact: false }).first().waitFor();
    assert.equal(path(page), '/wallet/account/identities');
    await page.goto(`${provider.url}/logout`);
    await Promise.all([page.waitForEvent('load'), page.getByRole('main').getByRole('button', { name: 'Log out' }).click()]);

    // In place, on the way to a decision.
    const callback = `${await provider.beside((_, response) => response.end('back'))}/finish`;
    const asked = comingBack(callback);
    const items = [access.quote(), access.outgoing(alice, { debitAmount: cad(100) })];
    const pending = succeeded(200, await app.request({ access_token: { access: items }, interact: asked }));
    await page.goto(pending.interact.redirect);
    await button(page, 'Continue with Corp').click();
    await page.waitForURL(pending.interact.redirect);
    await press(page, 'approve');
    await isBack(page, { callback });
    const reference = interactRef(page.url(), { asked, pending, grantEndpoint: provider.auth });
    succeeded(200, await app.continue(pending.continue, { body: { interact_ref: reference } }));

    // It proves once more who one is, if the provider asks for the password again.
    await provider.advance('PT11M');
    await page.goto(`${provider.url}/wallet/account/close`);
    await button(page, 'Confirm with Corp').click();
    await logInThere(page, 'al', { isKnown: true });
    await page.waitForURL(`${provider.url}/wallet/account/close`);

    // Somebody else there is nobody's identity here.
    await provider.advance('PT11M');
    await page.goto(`${provider.url}/wallet/account/close`);
    await button(page, 'Confirm with Corp').click();
    await logInThere(page, 'mallory');
    await page.getByText('not linked to this account').waitFor();

    // Unlinked, it is worth nothing.
    await page.goto(`${provider.url}/wallet/account/identities`);
    await page.getByRole('link', { name: 'Unlink' }).click();
    await page.fill('#password', 'alice');
    await button(page, 'Confirm').first().click();
    await page.waitForURL((url) => url.pathname.endsWith('/unlink'));
    await Promise.all([page.waitForEvent('load'), button(page, 'Unlink').click()]);
    assert.match(await text(page), /The log-in was unlinked/);
    await person.leave(...ITS_OWN, /40[39]/);
  },
  { settings: () => entry('corp', corp), patience: PATIENCE_MS },
);

scenario(
  'newcomers get an account, and keys change',
  async (provider) => {
    await provider.account('alice');
    npm(corp, provider, keys('one', 'ES256'));
    const person = await visitor();
    const page = await person.open(`${provider.url}/login`);
    assert.ok(!(await text(page)).includes('Password'), 'the built-in log-in is off');
    await button(page, 'Continue with Corp').click();
    await logInThere(page, 'newcomer');
    await comeBack(page, provider);
    assert.equal(path(page), '/wallet');
    assert.match(await text(page), /0\.00 USD/);
    const address = await fetch(`${provider.url}/newcomer`, { headers: { accept: 'application/json' } });
    assert.equal((await address.json()).publicName, 'newcomer at Corp');

    // The keys were replaced.
    npm(corp, provider, keys('two', 'PS256'));
    const later = await visitor();
    const again = await later.open(`${provider.url}/login`);
    await button(again, 'Continue with Corp').click();
    await logInThere(again, 'newcomer');
    await comeBack(again, provider);
    assert.equal(path(again), '/wallet');

    // Nobody is taken for who was here before, whatever they are called.
    const impostor = await visitor();
    const theirs = await impostor.open(`${provider.url}/login`);
    await button(theirs, 'Continue with Corp').click();
    await logInThere(theirs, 'alice');
    await theirs.getByText('There is an account of your name here already').waitFor();
    await person.leave(...ITS_OWN);
    await later.leave(...ITS_OWN);
    await impostor.leave(...ITS_OWN, /40[39]/);
  },
  { settings: () => `\n[log_in]\nbuilt_in = false\n${entry('corp', corp, 'people = "auto_create"\nasset = "USD/2"')}`, patience: PATIENCE_MS },
);

const b64 = (bytes) => Buffer.from(bytes).toString('base64url');

/** A provider that answers as it is told, to find out what is believed. */
class Liar {
  constructor(site) {
    this.site = site;
    this.pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.reset();
    site.answer = (request, response) => this.#answer(request, response);
  }

  /** Tells the truth from now on. */
  reset() {
    Object.assign(this, { header: {}, claims: {}, bringing: {}, token: undefined, key: this.pair.privateKey, status: 200 });
  }

  async #answer(request, response) {
    const url = new URL(request.url, this.site.url);
    const json = (value, status = 200) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    const { url: issuer } = this.site;
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return json({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          jwks_uri: `${issuer}/keys`,
          authorization_response_iss_parameter_supported: true,
        });
      case '/keys':
        return json({ keys: [{ ...this.pair.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }] });
      case '/authorize': {
        this.asked = Object.fromEntries(url.searchParams);
        const back = new URL(this.bringing.to ?? this.asked.redirect_uri);
        const brought = { state: this.asked.state, code: 'a-code', iss: issuer, ...this.bringing.fields };
        for (const [name, value] of Object.entries(brought)) {
          if (value !== undefined) back.searchParams.set(name, value);
        }
        return response.writeHead(302, { location: back.href }).end();
      }
      case '/token': {
        const body = (await request.toArray()).join('');
        this.redeemed = { ...Object.fromEntries(new URLSearchParams(body)), authorization: request.headers.authorization };
        return json(this.status === 200 ? { id_token: this.token ?? this.#idToken(), token_type: 'Bearer' } : { error: 'invalid_grant' }, this.status);
      }
      case '/caught':
        return response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Caught</title>');
      default:
        return response.writeHead(404).end();
    }
  }

  #idToken() {
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: this.site.url, aud: 'bank', sub: 'subject', nonce: this.asked.nonce, iat: now, exp: now + 300, preferred_username: 'alice', ...this.claims };
    const signed = `${b64(JSON.stringify({ alg: 'ES256', kid: 'one', ...this.header }))}.${b64(JSON.stringify(claims))}`;
    return `${signed}.${b64(sign('sha256', Buffer.from(signed), { key: this.key, dsaEncoding: 'ieee-p1363' }))}`;
  }
}

scenario(
  'what is not believed',
  async (provider, row) => {
    await provider.account('alice');
    const [liar, second] = [new Liar(corp), new Liar(other)];
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const seconds = Math.floor(Date.now() / 1000);
    const go = async (person) => {
      const page = await person.open(`${provider.url}/login`);
      await button(page, 'Continue with Corp').click();
      await page.waitForURL((url) => url.pathname.endsWith('/back') || url.pathname === '/wallet');
      return page;
    };
    const isIn = async (person) => {
      const page = await person.open(`${provider.url}/wallet`);
      const arrived = path(page) === '/wallet';
      await page.close();
      return arrived;
    };

    await row('the truth', async () => {
      const person = await Person.sitDown();
      assert.equal(path(await go(person)), '/wallet');
      assert.equal(liar.asked.code_challenge_method, 'S256');
      assert.equal(liar.redeemed.code_verifier.length, 43);
      assert.equal(liar.redeemed.redirect_uri, `${provider.url}/login/with/corp/back`);
      const basic = Buffer.from(liar.redeemed.authorization.replace('Basic ', ''), 'base64').toString();
      assert.equal(basic, 'bank:s3cret+%26+more%25');
      await person.leave();
    });

    const failed = /Corp could not tell us who you are/;
    const begunElsewhere = /not begun in this browser/;
    const cases = {
      'another state': [{ bringing: { fields: { state: 'AAAA' } } }, begunElsewhere],
      'no state': [{ bringing: { fields: { state: undefined } } }, begunElsewhere],
      'another nonce': [{ claims: { nonce: 'other' } }, failed],
      'no nonce': [{ claims: { nonce: undefined } }, failed],
      'an expired token': [{ claims: { iat: seconds - 700, exp: seconds - 400 } }, failed],
      'a token from the future': [{ claims: { iat: seconds + 900, exp: seconds + 1200 } }, failed],
      'another issuer': [{ claims: { iss: other.url } }, failed],
      'another audience': [{ claims: { aud: 'shop' } }, failed],
      'nobody': [{ claims: { sub: '' } }, failed],
      'no signature': [{ header: { alg: 'none' } }, failed],
      'a shared secret': [{ header: { alg: 'HS256' } }, failed],
      'another key': [{ key: stranger }, failed],
      'an unknown key': [{ header: { kid: 'two' } }, failed],
      'no token': [{ token: 'x' }, failed],
      'a code that is refused': [{ status: 400 }, failed],
      'another provider’s name': [{ bringing: { fields: { iss: other.url } } }, failed],
      'no name though it promised one': [{ bringing: { fields: { iss: undefined } } }, failed],
      'a refusal': [{ bringing: { fields: { code: undefined, error: 'access_denied' } } }, /You did not log in at Corp/],
      'an error': [{ bringing: { fields: { code: undefined, error: 'server_error' } } }, failed],
      'the address of another provider': [{ bringing: { to: `${provider.url}/login/with/other/back` } }, begunElsewhere],
    };
    const person = await Person.sitDown();
    for (const [name, [lie, expected]] of Object.entries(cases)) {
      await row(name, async () => {
        liar.reset();
        Object.assign(liar, lie);
        const page = await go(person);
        assert.match(await text(page), expected);
        assert.ok(!(await isIn(person)));
        await page.close();
      });
    }
    await person.leave(/403/);
    liar.reset();

    await row('an answer in another browser, or a second time', async () => {
      const [victim, attacker] = [await Person.sitDown(), await Person.sitDown()];
      // The attacker's browser stops on the way back.
      liar.bringing = { to: `${corp.url}/caught` };
      const caught = await attacker.open(`${provider.url}/login`);
      await button(caught, 'Continue with Corp').click();
      await caught.waitForURL((url) => url.pathname === '/caught');
      const answer = `${provider.url}/login/with/corp/back${new URL(caught.url()).search}`;
      const page = await victim.open(answer);
      assert.match(await text(page), begunElsewhere);
      assert.ok(!(await isIn(victim)));
      await caught.goto(answer);
      assert.equal(path(caught), '/wallet');
      await caught.context().clearCookies({ name: /session/ });
      await caught.goto(answer);
      assert.match(await text(caught), /done once already/);
      assert.ok(!(await isIn(attacker)));
      await victim.leave(/403/);
      await attacker.leave(/403/, ...ITS_OWN);
    });

    await row('a name that is another’s', async () => {
      // Alice is known there as one person; somebody else who takes her name there is not her.
      liar.reset();
      liar.claims = { sub: 'somebody-else' };
      const person = await Person.sitDown();
      const page = await go(person);
      assert.match(await text(page), /belongs to another identity/);
      await person.leave(/403/);
    });
    assert.equal(second.asked, undefined);
  },
  { settings: () => entry('corp', corp, 'people = "known"') + entry('other', other), patience: PATIENCE_MS },
);
