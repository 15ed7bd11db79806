// A provider of its own for each scenario: started, moved through time, stopped, and its books audited.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { send } from './http.mjs';

const START_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;
const SCENARIO_MS_MAX = 120_000;
const PORTS_TRIED_MAX = 5;
const POLL_MS = 20;

/** When every scenario begins: far enough ahead that the provider's clock can be set to it, and no day is special. */
export const BEGINNING = '2060-05-20T12:00:00Z';

/** Rates that make the arithmetic of the tests easy to follow: 1 USD = 1.25 CAD = 0.80 EUR = 150 JPY. */
const SETTINGS = `
name = "Interop Bank"
[rates]
base = "USD"
per_base = { CAD = "1.25", EUR = "0.80", JPY = "150" }
`;

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/**
 * A test with a provider of its own. If it fails, the provider's log is printed; if it passes, the provider must
 * stop cleanly and its ledger must add up.
 *
 * @param {string} name
 * @param {(provider: Provider, row: (name: string, body: () => Promise<void>) => Promise<void>) => Promise<void>} body
 *   `row` is one line of a table: a test of its own, after whose failure the others still run
 * @param {{ port?: number, patience?: number, settings?: string | (() => string) }} [options] the port to try first; how
 *   long it may take, in milliseconds; more settings, in TOML
 */
export function scenario(name, body, { port, patience = SCENARIO_MS_MAX, settings = '' } = {}) {
  test(name, { timeout: patience }, async (t) => {
    const provider = await Provider.start(port, typeof settings === 'function' ? settings() : settings);
    let failures = 0;
    const counted = async (run) => {
      try {
        await run();
      } catch (error) {
        failures += 1;
        throw error;
      }
    };
    const row = (title, run) => t.test(title, () => counted(run));
    try {
      await counted(() => body(provider, row));
      await provider.stop();
      await counted(() => provider.audit());
    } finally {
      await provider.stop();
      if (failures > 0) console.error(`--- the provider's log in "${name}" ---\n${provider.log}---`);
      await provider.forget();
    }
  });
}

/** The provider's program, with a data folder of its own, on a free port. */
export class Provider {
  #child;
  #ended;
  #beside = [];

  constructor(folder, port, settings) {
    /** A temporary folder, gone after the scenario. */
    this.folder = folder;
    /** Port on the loopback interface. */
    this.port = port;
    /** Public URL, without a slash at the end. */
    this.url = `http://localhost:${port}`;
    /** Its settings beyond those that all have. */
    this.settings = settings;
    /** What it has printed. */
    this.log = '';
  }

  /** Starts one, on this port if it is free, and waits until it answers. */
  static async start(wanted, more = '') {
    program();
    const folder = await mkdtemp(join(tmpdir(), 'bursar-interop-'));
    for (let tried = 1; ; tried += 1) {
      const provider = new Provider(folder, wanted && tried === 1 ? wanted : await freePort(), more);
      if (await provider.#launch()) {
        await provider.set(BEGINNING);
        return provider;
      }
      // Between our look and its start somebody else may have taken the port.
      if (tried < PORTS_TRIED_MAX && /cannot listen/.test(provider.log)) continue;
      await provider.forget();
      throw new Error(`the provider did not start:\n${provider.log}`);
    }
  }

  async #launch() {
    await mkdir(this.folder, { recursive: true });
    const settings = join(this.folder, 'settings.toml');
    await writeFile(settings, SETTINGS + this.settings);
    const words = ['serve', '--sandbox', '--listen', `127.0.0.1:${this.port}`, '--public-url', this.url];
    const child = spawn(program(), [...words, '--data', this.#data, '--config', settings], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(child);
    const keep = (text) => (this.log += text);
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => {
        this.log += `${error}\n`;
        resolve({ code: null, signal: null });
      });
      child.on('close', (code, signal) => resolve({ code, signal }));
    }).finally(() => running.delete(child));
    const gone = this.#ended.then(() => false);
    const giveUpAt = performance.now() + START_MS_MAX;
    while (performance.now() < giveUpAt) {
      const answered = send('GET', `${this.url}/sandbox/clock`).then(
        (answer) => answer.status === 200,
        () => false,
      );
      if (await Promise.race([answered, gone])) return true;
      if ((await Promise.race([sleep(POLL_MS, 'waited'), gone])) === false) return false;
    }
    this.log += `it did not answer within ${START_MS_MAX} ms\n`;
    await this.stop();
    return false;
  }

  get #data() {
    return join(this.folder, 'data');
  }

  /** Grant endpoint of the authorization server, as wallet addresses name it. */
  get auth() {
    return `${this.url}/auth`;
  }

  /** Base of the resource server, as wallet addresses name it. */
  get resource() {
    return `${this.url}/op`;
  }

  /** Ends the program, softly if it can. Harmless when repeated. */
  async stop() {
    this.#child.kill('SIGTERM');
    const late = sleep(STOP_MS_MAX, 'late', { ref: false });
    if ((await Promise.race([this.#ended, late])) === 'late') {
      this.log += `it did not stop within ${STOP_MS_MAX} ms of SIGTERM\n`;
      this.#child.kill('SIGKILL');
    }
    return this.#ended;
  }

  /** Checks that it stopped as told, and that no money was lost, doubled or overspent. */
  async audit() {
    assert.deepEqual(await this.stop(), { code: 0, signal: null }, 'the provider did not end cleanly');
    try {
      await promisify(execFile)(program(), ['doctor', '--data', this.#data], { env: environment() });
    } catch (error) {
      assert.fail(`the books are not sound:\n${error.stdout}${error.stderr}`);
    }
  }

  /**
   * Starts another server on the loopback interface, which is gone after the scenario.
   *
   * @param {http.RequestListener} handler
   * @returns {Promise<string>} its URL, without a slash at the end
   */
  async beside(handler) {
    const server = http.createServer(handler);
    this.#beside.push(server);
    return `http://localhost:${await listening(server)}`;
  }

  /** Removes what it wrote, and ends what was started beside it. */
  async forget() {
    for (const server of this.#beside.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Makes an account: 500.00 CAD, unless told otherwise. Its password is its name. */
  async account(name, { assetCode = 'CAD', assetScale = 2, balance = '50000', publicName } = {}) {
    const account = { name, publicName, assetCode, assetScale, balance, password: name };
    return this.#ask(201, 'POST', '/sandbox/accounts', account);
  }

  /** What an account holds, in smallest units. */
  async balance(name) {
    return Number((await this.#ask(200, 'GET', `/sandbox/accounts/${name}`)).balance.value);
  }

  /** Adds a public key to an account's wallet address. */
  addKey(name, jwk) {
    return this.#ask(201, 'POST', `/sandbox/accounts/${name}/keys`, { jwk });
  }

  /** Revokes a key of an account's wallet address. */
  revokeKey(name, kid) {
    return this.#ask(204, 'DELETE', `/sandbox/accounts/${name}/keys/${kid}`);
  }

  /** The provider's present, in milliseconds since 1970. */
  async now() {
    return Date.parse((await this.#ask(200, 'GET', '/sandbox/clock')).now);
  }

  /** Moves the provider's clock on by an ISO 8601 duration. */
  advance(duration) {
    return this.#ask(200, 'POST', '/sandbox/clock', { advance: duration });
  }

  /** Sets the provider's clock to a later instant. */
  set(instant) {
    return this.#ask(200, 'POST', '/sandbox/clock', { set: instant });
  }

  /** Agrees to an interaction as the owner of the wallet would; where the browser would go. */
  approve(redirect) {
    return this.#decide(redirect, 'approve');
  }

  /** Refuses an interaction as the owner of the wallet would; where the browser would go. */
  deny(redirect) {
    return this.#decide(redirect, 'deny');
  }

  async #decide(redirect, decision) {
    return (await this.#ask(200, 'POST', '/sandbox/interactions', { redirect, decision })).finish;
  }

  async #ask(status, method, path, body) {
    const answer = await send(method, `${this.url}${path}`, body && { body: JSON.stringify(body) });
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`);
    return answer.json;
  }
}

function program() {
  const path = process.env.BURSAR_BIN;
  assert.ok(path, "set BURSAR_BIN to the provider's program: cargo build --package bursar makes target/debug/bursar");
  return path;
}

/** Ours, but for what would set the provider up differently. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('BURSAR_') || name === 'BURSAR_LOG');
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/** Has a server listen on a port that nobody uses; that port. */
export async function listening(server) {
  await new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return server.address().port;
}

async function freePort() {
  const server = net.createServer();
  const port = await listening(server);
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
