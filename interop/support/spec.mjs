// The Open Payments specification as it ships with the official client: what every answer has to look like.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

const folder = join(dirname(createRequire(import.meta.url).resolve('@interledger/open-payments')), 'openapi', 'specs');

const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addFormat('uint64', (text) => /^\d+$/.test(text) && BigInt(text) < 2n ** 64n);

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const AUTH = load('auth-server');
const RESOURCE = load('resource-server');
const WALLET = load('wallet-address-server');

/** The names of all operations, as in `POST /token/{id} of the auth-server`. */
export const OPERATION_NAMES = [AUTH, RESOURCE, WALLET].flatMap(({ operations }) => operations.map(({ name }) => name));

/** Errors of the authorization server where the specification does not say which: the words of GNAP. */
const anyAuthError = ajv.compile({
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'description'],
      properties: {
        code: {
          enum: [
            'invalid_request',
            'invalid_client',
            'invalid_interaction',
            'unknown_interaction',
            'invalid_rotation',
            'invalid_continuation',
            'user_denied',
            'request_denied',
            'too_fast',
          ],
        },
        description: { type: 'string', minLength: 1 },
      },
    },
  },
});
const anyResourceError = ajv.compile(RESOURCE.document.components.schemas['error-response']);

/**
 * Answers that deployed clients need although the specification has others: by status and code alone they see, at
 * whichever endpoint, that their key was revoked.
 */
const AGREED = [{ name: 'POST /token/{id} of the auth-server', status: 400, code: 'invalid_client' }];

/**
 * Checks an answer: its body against the schema for its status, or against the surface's form of errors where the
 * specification has no such status. Answers to requests that are no operation are not checked.
 */
export function conform(provider, method, url, answer) {
  const found = operation(provider, method, url);
  if (!found) return;
  const { surface, name, responses } = found;
  const told = `${name} → ${answer.status} ${answer.text}`;
  if (answer.status === 204) {
    assert.equal(answer.text, '', told);
    assert.ok(responses[204], `${told}\nthe specification has no 204 here`);
    return;
  }
  assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/, told);
  assert.notEqual(answer.json, undefined, `${told}\nis no JSON`);
  const error = surface === AUTH ? anyAuthError : anyResourceError;
  if (answer.status >= 400) valid(error, answer.json, told);
  const isAgreed = (one) => one.name === name && one.status === answer.status && one.code === answer.json.error?.code;
  if (AGREED.some(isAgreed)) return;
  const schema = responses[answer.status]?.content?.['application/json']?.schema;
  if (schema) valid(validator(schema), answer.json, told);
  else assert.ok(answer.status >= 400, `${told}\nthe specification has no such success here`);
}

/** Whether the specification allows a request to have this body. */
export function allows(name, body) {
  const { requestBody } = [AUTH, RESOURCE, WALLET]
    .flatMap(({ operations }) => operations)
    .find((one) => one.name === name);
  return validator(requestBody.content['application/json'].schema)(body);
}

/** The operation of a request: its specification, its name and its responses by status. */
function operation(provider, method, url) {
  const { pathname } = new URL(url);
  const within = (prefix) => pathname === prefix || pathname.startsWith(`${prefix}/`);
  if (within('/auth')) return match(AUTH, method, pathname.slice('/auth'.length) || '/');
  if (within('/op')) return match(RESOURCE, method, pathname.slice('/op'.length));
  if (within('/sandbox') || !url.startsWith(provider.url)) return undefined;
  return match(WALLET, method, /\/(jwks|did)\.json$/.exec(pathname)?.[0] ?? '/');
}

function match(surface, method, path) {
  const found = surface.operations.find((one) => one.method === method.toLowerCase() && one.pattern.test(path));
  return found && { surface, ...found };
}

const validators = new Map();

function validator(schema) {
  if (!validators.has(schema)) validators.set(schema, ajv.compile(schema));
  return validators.get(schema);
}

function valid(validate, value, told) {
  assert.ok(validate(value), `${told}\nis not as specified: ${ajv.errorsText(validate.errors)}`);
}

function load(name) {
  const raw = parse(readFileSync(join(folder, `${name}.yaml`), 'utf8'));
  const document = resolved(raw, raw);
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({
      name: `${method.toUpperCase()} ${path} of the ${name}`,
      method,
      pattern: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      requestBody: item[method].requestBody,
      responses: item[method].responses,
    })),
  );
  return { document, operations };
}

/** Replaces references by what they refer to, keeping what stands beside them, as the official client does. */
function resolved(node, root) {
  if (Array.isArray(node)) return node.map((item) => resolved(item, root));
  if (node === null || typeof node !== 'object') return node;
  const { $ref, ...beside } = node;
  const own = Object.fromEntries(Object.entries(beside).map(([key, value]) => [key, resolved(value, root)]));
  if ($ref === undefined) return own;
  const target = $ref
    .slice('#/'.length)
    .split('/')
    .reduce((at, key) => at[key.replaceAll('~1', '/').replaceAll('~0', '~')], root);
  return { ...resolved(target, root), ...own };
}
