// A provider full of life for the pages to show: people, apps with mandates, and weeks of payments, all made over the
// real API. Some names and notes are hostile: every page must show them as what they are, words.

import { access, cad, comingBack, RawClient, succeeded } from '../support/clients.mjs';
import { Wallet } from '../support/wallet.mjs';

/** Names and notes as somebody might choose who wants to find out what pages do with them. */
export const HOSTILE = {
  markup: '<script>alert(1)</script><img src=x onerror=alert(2)> & "Co" {{ 7 * 7 }}',
  turned: 'Invoice \u202Egnp.exe 12',
  formula: '=HYPERLINK("http://evil.example";"Refund")',
  long: `The Association of Friends of the ${'Very '.repeat(9)}Long Names Society`,
  word: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft',
};

/** Settings with which every page is there. Nobody asks this identity provider. */
export const SETTINGS = `
[sign_up]
assets = ["CAD/2", "EUR/2"]
[[log_in.providers]]
id = "corp"
name = "Corp"
issuer = "https://id.corp.example"
client_id = "bank"
`;

/** What an interval looks like of which some windows are over when the stories end. */
const WEEKLY = 'R52/2060-05-01T00:00:00Z/P1W';

export class World {
  constructor(provider) {
    this.provider = provider;
    /** Wallet addresses by name. */
    this.wallets = {};
    /** Payments that left Alice's account, oldest first, as the API told them. */
    this.sent = [];
    /** Ids of the grants that Alice has given, by the app she gave them to. */
    this.grants = {};
    /** Payments that Carol made into it, oldest first. */
    this.received = [];
  }

  /** Fills a provider that was just started. The password of each person is their name. */
  static async furnish(provider) {
    const world = new World(provider);
    await world.#people();
    await world.#apps();
    await world.#payments();
    await world.#belongings();
    return world;
  }

  async #people() {
    const person = async (name, publicName, rest) => {
      this.wallets[name] = (await this.provider.account(name, { publicName, ...rest })).walletAddress;
    };
    await person('alice', 'Alice Anderson', { balance: '523480' });
    // Has everything that makes pages break: a long name, another asset, few payments.
    await person('bernadette-von-und-zu-hohenstein', HOSTILE.long, { assetCode: 'EUR', balance: '75000' });
    await person('nina', undefined, { balance: '0' });
    await person('carol', 'Carol’s Coffee', { balance: '20000' });
    await person('dave', 'Dave’s Diner', { assetCode: 'USD', balance: '0' });
    await person('hiro', 'Hiro’s Haiku', { assetCode: 'JPY', assetScale: 0, balance: '0' });
    await person('mallory', HOSTILE.markup, { balance: '5000' });
  }

  async #apps() {
    const app = async (name, publicName) => {
      const { walletAddress } = await this.provider.account(name, { publicName, balance: '0' });
      const client = new RawClient(this.provider, { wallet: walletAddress });
      await this.provider.addKey(name, client.key.jwk);
      return client;
    };
    this.platform = await app('paymentplatform', 'Payment Platform');
    this.news = await app('news', 'Nightly News');
    this.odd = await app('odd', HOSTILE.markup);
  }

  async #payments() {
    const alice = this.wallets.alice;
    const granted = async (name, ...items) => {
      const { continuation, reference } = await this[name].consented(...items);
      this.grants[name] = continuation.uri.split('/').at(-1);
      const answer = await this[name].continue(continuation, { body: { interact_ref: reference } });
      return succeeded(200, answer).access_token;
    };
    const spending = access.outgoing(alice, { debitAmount: cad(30000), interval: WEEKLY });
    const weekly = await granted('platform', access.quote(), spending);
    const once = await granted('news', access.outgoing(alice, { debitAmount: cad(2000) }));
    const unlimited = await granted('odd', access.outgoing(alice));
    const back = await this.platform.consentedToken(access.outgoing(this.wallets.carol, { debitAmount: cad(15000) }));

    for (let week = 0; week < 3; week += 1) {
      await this.#pay(this.platform, weekly, 'carol', 1250, { description: `Coffee beans, week ${week + 1}` });
      await this.#pay(this.platform, weekly, 'dave', 3400, { description: 'Lunch for the team', externalRef: `INV-${1001 + week}` });
      await this.#pay(this.news, once, 'hiro', 150, { description: 'Three lines a day' });
      await this.#receive(back, 2000 + 5 * week, { description: `Refund of week ${week + 1}` });
      // Tokens live for minutes, so each week begins with new ones.
      await this.provider.advance('P3DT2H');
      for (const [client, token] of [[this.platform, weekly], [this.news, once], [this.odd, unlimited], [this.platform, back]]) {
        Object.assign(token, succeeded(200, await client.rotate(token)).access_token);
      }
    }
    await this.#pay(this.odd, unlimited, 'mallory', 100, { description: HOSTILE.markup });
    await this.#pay(this.odd, unlimited, 'mallory', 101, { description: HOSTILE.formula, note: HOSTILE.word });
    await this.#pay(this.odd, unlimited, 'bernadette-von-und-zu-hohenstein', 102, { description: HOSTILE.turned });
    for (let track = 1; track <= 14; track += 1) {
      await this.#pay(this.platform, weekly, 'carol', 15 * track, { description: `Track ${track}` });
    }
    await this.#receive(back, 4200, { description: 'Thank you for the music' });
  }

  /** More addresses of Alice's, one of them deactivated, and keys for one of them. */
  async #belongings() {
    const alice = await Wallet.enter(this.provider, 'alice');
    this.alice = alice;
    const account = await alice.find('/wallet/addresses/new', /^[0-9a-f]{8}-/);
    const make = (name, publicName) =>
      alice.submit('/wallet/addresses/new', '/wallet/addresses', { account, name, public_name: publicName });
    /** Where Alice's second address is looked after. */
    this.shop = await make('alice/shop', HOSTILE.markup);
    this.former = await make('anderson-and-daughters', HOSTILE.long);
    await alice.submit(`${this.former}/deactivate`, `${this.former}/deactivate`);
    const keys = `${this.shop}/keys`;
    await alice.submit(keys, keys, { key: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo', kid: 'laptop-2060', name: 'Laptop' });
    await alice.submit(keys, keys, { key: '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08', name: HOSTILE.markup.slice(0, 60) });

    const address = await alice.find('/wallet/request', /^[0-9a-f]{8}-/);
    const ask = (fields) => alice.submit('/wallet/request', '/wallet/request', { address, lifetime: 'week', ...fields });
    this.paidRequest = await ask({ amount: '12.50', note: 'Tickets', once: 'tickets' });
    this.closedRequest = await ask({ note: HOSTILE.turned, once: 'closed' });
    await alice.submit(`${this.closedRequest}/close`, `${this.closedRequest}/close`);
    this.openRequest = await ask({ amount: '1234.50', note: HOSTILE.markup, public: 'yes', once: 'open' });

    const carol = await Wallet.enter(this.provider, 'carol');
    const paying = await this.quote(carol, await this.link(this.paidRequest), '');
    await carol.submit(paying, paying);
    this.carol = carol;
    this.sentQuote = await this.quote(alice, '$localhost/dave', '25', { note: HOSTILE.markup });
    await alice.submit(this.sentQuote, this.sentQuote);
  }

  /** The link of one of Alice's requests. */
  async link(request) {
    return this.alice.find(request, /\/op\/incoming-payments\//);
  }

  /** The page where somebody is asked to confirm a price. */
  async quote(wallet, to, amount, fields) {
    const from = await wallet.find('/wallet/send', /^[0-9a-f]{8}-/);
    const receiver = to.replace('$localhost', this.provider.url);
    return wallet.submit('/wallet/send', '/wallet/send', { from, to: receiver, amount, side: 'debit', ...fields });
  }

  /** Pays from Alice's wallet. */
  async #pay(client, token, to, value, metadata) {
    const incoming = await client.incoming(this.wallets[to]);
    const body = { walletAddress: this.wallets.alice, incomingPayment: incoming.id, debitAmount: cad(value), metadata };
    this.sent.push(succeeded(201, await client.create('outgoing-payments', token, body)));
  }

  /** Has Carol pay into Alice's wallet. */
  async #receive(token, value, metadata) {
    const incoming = await this.platform.incoming(this.wallets.alice, { metadata, incomingAmount: cad(value) });
    const body = { walletAddress: this.wallets.carol, incomingPayment: incoming.id, debitAmount: cad(value) };
    this.received.push(succeeded(201, await this.platform.create('outgoing-payments', token, body)));
  }

  /** The page where Alice is asked to prove that her wallet is hers. */
  async subject() {
    const asked = { subject: { sub_ids: [{ id: this.wallets.alice, format: 'uri' }] }, interact: comingBack() };
    return succeeded(200, await this.platform.request(asked)).interact.redirect;
  }

  /** The page where Alice is asked for a mandate. */
  async consent(limits = { debitAmount: cad(10000), interval: 'R3/2060-06-20T12:00:00Z/P1M' }) {
    const items = [access.quote(), access.outgoing(this.wallets.alice, limits ?? undefined)];
    const asked = { access_token: { access: items }, interact: comingBack() };
    return succeeded(200, await this.platform.request(asked)).interact.redirect;
  }
}

/** The last part of a resource's URL. */
export const idOf = ({ id }) => id.split('/').at(-1);
