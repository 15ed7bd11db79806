// That answers which are not as specified are noticed at all: the other tests rely on it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { cad } from './support/clients.mjs';
import { conform } from './support/spec.mjs';

const URL = 'https://wallet.example';
const JSON_TYPE = { 'content-type': 'application/json' };

const payment = {
  id: `${URL}/op/outgoing-payments/1`,
  walletAddress: `${URL}/alice`,
  receiver: `${URL}/op/incoming-payments/1`,
  receiveAmount: cad(1),
  debitAmount: cad(1),
  sentAmount: cad(1),
  createdAt: '2060-05-20T12:00:00Z',
};
const completed = {
  id: `${URL}/op/incoming-payments/1`,
  walletAddress: `${URL}/bob`,
  completed: true,
  receivedAmount: cad(1),
  createdAt: '2060-05-20T12:00:00Z',
};
const token = { value: 't', manage: `${URL}/auth/token/1`, access: [{ type: 'quote', actions: ['create'] }] };
const continuation = { access_token: { value: 'c' }, uri: `${URL}/auth/continue/1` };
const error = (code, description) => ({ error: { code, description } });

/** Method, path, status, body; and what is wrong with it, or nothing. */
const rows = {
  'an outgoing payment': ['GET', '/op/outgoing-payments/1', 200, payment],
  'without sentAmount': ['GET', '/op/outgoing-payments/1', 200, { ...payment, sentAmount: undefined }, /sentAmount/],
  'with something else': ['GET', '/op/outgoing-payments/1', 200, { ...payment, mood: 'good' }, /additional/],
  'with a broken amount': ['GET', '/op/outgoing-payments/1', 200, { ...payment, sentAmount: cad('1.5') }, /uint64/],
  'with another status': ['POST', '/op/outgoing-payments', 200, payment, /no such success/],
  'a completed incoming payment': ['POST', '/op/incoming-payments/1/complete', 200, completed],
  'with methods': ['POST', '/op/incoming-payments/1/complete', 200, { ...completed, methods: [] }, /additional/],
  'a grant': ['POST', '/auth', 200, { access_token: token, continue: continuation }],
  'without continue': ['POST', '/auth', 200, { access_token: token }, /continue/],
  'with an access that says too much': [
    'POST',
    '/auth',
    200,
    { access_token: { ...token, access: [{ ...token.access[0], more: 1 }] }, continue: continuation },
    /unevaluated/,
  ],
  'a refusal of a grant': ['POST', '/auth', 400, error('invalid_request', 'why')],
  'of another kind': ['POST', '/auth', 400, error('too_fast', 'why'), /allowed values/],
  'that says nothing': ['POST', '/auth', 400, error('invalid_request'), /description/],
  'a refusal with a status of its own': ['POST', '/op/incoming-payments', 409, error('conflict', 'why')],
  'that has no code': ['POST', '/op/incoming-payments', 409, error(undefined, 'why'), /code/],
  'a revoked key, at a rotation': ['POST', '/auth/token/1', 400, error('invalid_client', 'why')],
  'an end of a token': ['DELETE', '/auth/token/1', 204, undefined],
  'with a body': ['DELETE', '/auth/token/1', 204, {}, /strictly equal|204/],
  'a key set': ['GET', '/alice/jwks.json', 200, { keys: [] }],
  'that is none': ['GET', '/alice/jwks.json', 200, [], /object/],
};

for (const [name, [method, path, status, body, fault]] of Object.entries(rows)) {
  test(name, () => {
    const answer = { status, headers: JSON_TYPE, json: body, text: JSON.stringify(body) ?? '' };
    const check = () => conform({ url: URL }, method, `${URL}${path}`, answer);
    if (fault) assert.throws(check, fault);
    else check();
  });
}
