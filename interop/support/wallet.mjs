// Somebody's wallet, used without a browser: for what a scenario needs to be there, and nobody has to look at.

import assert from 'node:assert/strict';
import { send } from './http.mjs';

export class Wallet {
  #cookies = new Map();

  constructor(provider) {
    this.provider = provider;
  }

  /** Logs in with the password that is the name. */
  static async enter(provider, name) {
    const wallet = new Wallet(provider);
    await wallet.submit('/login', '/login', { name, password: name });
    return wallet;
  }

  /** A page: its status, its text, and where it leads. */
  async get(path) {
    return this.#ask('GET', path);
  }

  /** Sends a form of the page at `from`; where that leads. */
  async submit(from, to, fields = {}) {
    const { body } = await this.get(from);
    const token = /name="token" value="([^"]+)"/.exec(body)?.[1];
    assert.ok(token, `there is no form at ${from}:\n${body}`);
    const answer = await this.#ask('POST', to, new URLSearchParams({ ...fields, token }).toString());
    assert.equal(answer.status, 303, answer.body);
    return answer.location;
  }

  /** The first link or form of a page whose target matches. */
  async find(path, pattern) {
    const { body } = await this.get(path);
    const targets = [...body.matchAll(/(?:href|action|value)="([^"]+)"/g)].map(([, target]) => target);
    const found = targets.find((target) => pattern.test(target));
    assert.ok(found, `nothing on ${path} leads to ${pattern}`);
    return found;
  }

  async #ask(method, path, body) {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', cookie };
    if (body !== undefined) headers['content-type'] = 'application/x-www-form-urlencoded';
    const answer = await send(method, new URL(path, this.provider.url).href, { headers, body });
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (/Max-Age=0/.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return { status: answer.status, body: answer.text, location: answer.headers.location };
  }
}
