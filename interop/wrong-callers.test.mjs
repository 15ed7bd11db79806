// Every operation of the specification, tried by every kind of wrong caller: how each is refused, and that nothing
// comes of it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { refused } from './support/clients.mjs';
import { OPERATIONS, World } from './support/operations.mjs';
import { scenario } from './support/provider.mjs';
import { OPERATION_NAMES } from './support/spec.mjs';
import { Attempt, KINDS, SAYS } from './support/wrong-callers.mjs';

/** What the tables say: a status, and a letter where there are several refusals with it. */
const OUTCOMES = {
  200: {},
  204: {},
  '400i': { code: 'invalid_request', description: /./ },
  // Of the resource server.
  '200p': { sees: 'the public view' },
  '200n': { isSeen: false },
  '200y': { isSeen: true },
  '400q': { code: 'invalid_quote', description: /./ },
  '401a': { code: 'unauthenticated', description: /./, challenges: true },
  '401t': { code: 'invalid_token', description: 'Invalid Token', challenges: true },
  '401s': { code: 'invalid_signature', description: /^Signature validation error: ./ },
  '403t': { code: 'inactive_token', description: 'Inactive Token' },
  '403g': { code: 'insufficient_grant', description: 'Insufficient Grant' },
  404: { code: 'not_found', description: /./ },
  // Of the authorization server.
  '400c': { code: 'invalid_client', description: /./ },
  '401c': { code: 'invalid_client', description: /./ },
  '401k': { code: 'invalid_continuation', description: /./ },
  '401d': { code: 'request_denied', description: /./ },
  '400r': { code: 'invalid_rotation', description: /./ },
  '404r': { code: 'invalid_rotation', description: /./ },
};

/** The authorization server, and wallet addresses, which anybody may look up however they ask. */
const AUTHORIZATION = `
                                          grant continue cancel rotate revoke  wallet keys did

no token                                   -    401k     401k   401c   401c    200    200  200
a malformed Authorization                  -    401k     401k   401c   401c    200    200  200
two Authorizations                         -    401k     401k   401c   401c    200    200  200
an unknown token                           -    401k     401k   400r   401c    200    200  200
an expired token                           -    -        -      200    204     200    200  200
a revoked token                            -    -        -      400r   204     200    200  200
a token of a cancelled grant               -    401d     204    400r   204     200    200  200
a token rotated away just now              -    -        -      200    204     200    200  200
a token rotated away long ago              -    -        -      400r   204     200    200  200

a token for another wallet                 -    -        -      -      -       -      -    -
a token without the action                 -    -        -      -      -       -      -    -
a token for other resources                -    -        -      -      -       -      -    -
the continuation token of the grant        -    -        -      400r   401c    200    200  200
the access token of the grant              -    401k     401k   -      -       -      -    -
the token of another grant                 -    401k     401k   400r   401c    -      -    -
at the address of nothing                  -    401k     401k   404r   401c    -      -    -

a stolen token, signed by the thief        -    400c     400c   400c   400c    200    200  200
a thief’s token, signed by its victim      -    400c     400c   400c   400c    200    200  200
another client, for its own                -    401k     401k   400r   401c    -      -    -
another client, for all                    -    -        -      -      -       -      -    -
another client’s quote                     -    -        -      -      -       -      -    -
another client’s cursor                    -    -        -      -      -       -      -    -
a cursor of another wallet                 -    -        -      -      -       -      -    -
another client’s idempotency key           -    -        -      -      -       -      -    -
a bare key that asks for consent           400i -        -      -      -       -      -    -
consent without a way to ask for it        400i -        -      -      -       -      -    -
a bare key that did not sign               400c -        -      -      -       -      -    -
a bare key, for what another has made      -    -        -      -      -       -      -    -
the client’s key without its name          -    -        -      -      -       -      -    -

unsigned                                   401c 401c     401c   401c   401c    200    200  200
malformed signature headers                401c 401c     401c   401c   401c    200    200  200
a signature of random bytes                400c 400c     400c   400c   400c    200    200  200
a signature of another method              400c 400c     400c   400c   400c    200    200  200
a signature of another host                400c 400c     400c   400c   400c    200    200  200
a signature of another path                400c 400c     400c   400c   400c    200    200  200
a signature over another token             -    400c     400c   400c   400c    200    200  200
a key outside the key set                  400c 400c     400c   400c   400c    200    200  200
another key of the same name               400c 400c     400c   400c   400c    200    200  200
a second key of the client                 200  400c     400c   400c   400c    -      -    -
a revoked key                              400c 400c     400c   400c   400c    -      -    -
the heir of a revoked key’s name           200  400c     400c   400c   400c    -      -    -
made six minutes ago                       400c 400c     400c   400c   400c    200    200  200
made in two minutes                        400c 400c     400c   400c   400c    200    200  200
made at no time                            400c 400c     400c   400c   400c    200    200  200
past its end                               400c 400c     400c   400c   400c    200    200  200
a nonce for the second time                400c 400c     400c   400c   400c    200    200  200
another algorithm                          400c 400c     400c   400c   400c    200    200  200
nothing is covered                         400c 400c     400c   400c   400c    200    200  200
the method is not covered                  400c 400c     400c   400c   400c    200    200  200
the URL is not covered                     400c 400c     400c   400c   400c    200    200  200
the token is not covered                   -    400c     400c   400c   400c    200    200  200
the body is not covered                    400c 400c     -      -      -       -      -    -
a body without a digest                    400c 400c     -      -      -       -      -    -
another body than was signed               400c 400c     -      -      -       -      -    -
the digest of another body                 400c 400c     -      -      -       -      -    -
a digest that nobody trusts                400c 400c     -      -      -       -      -    -
`;

const RESOURCES = `
                                       in:new in:list in:get in:done quo:new quo:get out:new out:list out:get spent

no token                                 401a 401a    200p   401a    401a    401a    401a    401a     401a    401a
a malformed Authorization                401a 401a    401a   401a    401a    401a    401a    401a     401a    401a
two Authorizations                       401a 401a    401a   401a    401a    401a    401a    401a     401a    401a
an unknown token                         401t 401t    401t   401t    401t    401t    401t    401t     401t    401t
an expired token                         403t 403t    403t   403t    403t    403t    403t    403t     403t    403t
a revoked token                          403t 403t    403t   403t    403t    403t    403t    403t     403t    403t
a token of a cancelled grant             403t 403t    403t   403t    403t    403t    403t    403t     403t    403t
a token rotated away just now            403t 403t    403t   403t    403t    403t    403t    403t     403t    403t
a token rotated away long ago            403t 403t    403t   403t    403t    403t    403t    403t     403t    403t

a token for another wallet               403g 403g    403g   403g    -       -       403g    403g     403g    -
a token without the action               403g 403g    403g   403g    403g    403g    403g    403g     403g    403g
a token for other resources              403g 403g    403g   403g    403g    403g    403g    403g     403g    403g
the continuation token of the grant      401t 401t    401t   401t    401t    401t    401t    401t     401t    401t
the access token of the grant            -    -       -      -       -       -       -       -        -       -
the token of another grant               -    -       -      -       -       -       -       -        -       -
at the address of nothing                -    -       404    404     -       404     -       -        404     -

a stolen token, signed by the thief      401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a thief’s token, signed by its victim    401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
another client, for its own              -    200n    404    404     -       404     -       200n     404     -
another client, for all                  -    200y    200    404     -       200     -       200y     200     -
another client’s quote                   -    -       -      -       -       -       400q    -        -       -
another client’s cursor                  -    400i    -      -      -       -       -       400i     -       -
a cursor of another wallet               -    400i    -      -      -       -       -       400i     -       -
another client’s idempotency key         403g -       -      -       403g    -       403g    -        -       -
a bare key that asks for consent         -    -       -      -       -       -       -       -        -       -
consent without a way to ask for it      -    -       -      -       -       -       -       -        -       -
a bare key that did not sign             -    -       -      -       -       -       -       -        -       -
a bare key, for what another has made    -    200n    404    404     -       404     -       -        -       -
the client’s key without its name        -    200n    404    404     -       404     -       -        -       -

unsigned                                 401a 401a    401a   401a    401a    401a    401a    401a     401a    401a
malformed signature headers              401a 401a    401a   401a    401a    401a    401a    401a     401a    401a
a signature of random bytes              401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a signature of another method            401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a signature of another host              401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a signature of another path              401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a signature over another token           401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a key outside the key set                401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
another key of the same name             401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a second key of the client               401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a revoked key                            401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
the heir of a revoked key’s name         401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
made six minutes ago                     401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
made in two minutes                      401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
made at no time                          401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
past its end                             401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
a nonce for the second time              401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
another algorithm                        401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
nothing is covered                       401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
the method is not covered                401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
the URL is not covered                   401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
the token is not covered                 401s 401s    401s   401s    401s    401s    401s    401s     401s    401s
the body is not covered                  401s -       -      -       401s    -       401s    -        -       -
a body without a digest                  401s -       -      -       401s    -       401s    -        -       -
another body than was signed             401s -       -      -       401s    -       401s    -        -       -
the digest of another body               401s -       -      -       401s    -       401s    -        -       -
a digest that nobody trusts              401s -       -      -       401s    -       401s    -        -       -
`;

/** Reads a table: for each operation, what comes of each kind of caller. */
function read(table) {
  const [head, ...lines] = table.split('\n').filter((line) => line.trim());
  const columns = head.trim().split(/ +/);
  const rows = Object.fromEntries(columns.map((column) => [column, {}]));
  for (const line of lines) {
    const [, kind, cells] = /^(.*?)  +(.*)$/.exec(line);
    const words = cells.split(/ +/);
    assert.equal(words.length, columns.length, `the table does not say everything about "${kind}"`);
    for (const [at, word] of words.entries()) {
      assert.ok(!(kind in rows[columns[at]]), `the table says twice what comes of "${kind}"`);
      rows[columns[at]][kind] = word;
    }
  }
  return rows;
}

const TABLE = { ...read(AUTHORIZATION), ...read(RESOURCES) };

test('the tables speak of every operation of the specification, and of every kind of caller', () => {
  assert.deepEqual(Object.keys(TABLE).sort(), Object.keys(OPERATIONS).sort());
  const named = Object.values(OPERATIONS).map(({ name }) => name);
  assert.deepEqual(named.sort(), [...OPERATION_NAMES].sort());
  for (const [column, cells] of Object.entries(TABLE)) {
    assert.deepEqual(Object.keys(cells).sort(), Object.keys(KINDS).sort(), column);
    for (const [kind, cell] of Object.entries(cells)) assert.ok(cell === '-' || OUTCOMES[cell], `${kind}: ${cell}`);
  }
  for (const kind of Object.keys(SAYS)) assert.ok(kind in KINDS, kind);
  for (const kind of Object.keys(KINDS)) {
    assert.ok(
      Object.values(TABLE).some((cells) => cells[kind] !== '-'),
      `"${kind}" is applied to no operation`,
    );
  }
});

/** Holds an answer against a cell of the table. */
function check(cell, kind, answer, { provider }) {
  const { code, description, challenges, sees, isSeen } = OUTCOMES[cell];
  const status = parseInt(cell, 10);
  if (code) refused(answer, { status, code, description });
  else assert.equal(answer.status, status, answer.text);
  if (code && SAYS[kind]) assert.match(answer.json.error.description, SAYS[kind]);
  if (cell === '401a') assert.doesNotMatch(answer.text, /signature validation/i, 'taken for a revoked key');
  if (challenges) {
    const challenge = answer.headers['www-authenticate'] ?? '';
    assert.match(challenge, /^GNAP /, 'there is no challenge');
    assert.ok(challenge.includes(`as_uri=${provider.auth}`), challenge);
  }
  if (sees) assert.deepEqual(Object.keys(answer.json).sort(), ['authServer', 'receivedAmount']);
  if (isSeen !== undefined) assert.equal(answer.isSeen, isSeen, answer.text);
}

for (const [column, cells] of Object.entries(TABLE)) {
  const operation = OPERATIONS[column];
  if (!operation) continue;
  scenario(`${operation.name} (${column})`, async (provider, row) => {
    const world = await World.make(provider);
    const attempt = new Attempt(world, operation);
    await attempt.begin();
    for (const [kind, cell] of Object.entries(cells)) {
      if (cell === '-') continue;
      await row(`${cell} ${kind}`, async () => {
        for (const answer of [await KINDS[kind](attempt)].flat()) check(cell, kind, answer, world);
      });
    }
    await row('nothing has come of it, and the rightful caller is served', async () => {
      await attempt.nothingCame();
      await operation.intact?.(world, await attempt.rightful());
      const answer = await attempt.call();
      assert.equal(answer.status, operation.success, answer.text);
    });
  });
}
