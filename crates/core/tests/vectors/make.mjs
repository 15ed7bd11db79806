// Makes log-ins.json: ID tokens and passkeys' answers, signed by keys that exist only while this runs.
//
//     node make.mjs > log-ins.json

import { createHash, generateKeyPairSync, sign } from 'node:crypto';

const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const json = (value) => b64(JSON.stringify(value));

const kinds = {
  RS256: () => [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256', {}],
  RS512: () => [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha512', {}],
  PS256: () => [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256', { padding: 6, saltLength: 32 }],
  PS384: () => [generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha384', { padding: 6, saltLength: 48 }],
  ES256: () => [generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256', { dsaEncoding: 'ieee-p1363' }],
  ES384: () => [generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sha384', { dsaEncoding: 'ieee-p1363' }],
  EdDSA: () => [generateKeyPairSync('ed25519'), null, {}],
};

const body = { iss: 'https://id.example', aud: 'bursar', sub: 'u-1', nonce: 'n', iat: 1_000, exp: 1_300 };
const tokens = Object.entries(kinds).map(([alg, make]) => {
  const [{ publicKey, privateKey }, hash, options] = make();
  const signed = `${json({ alg, kid: `key-${alg}`, typ: 'JWT' })}.${json(body)}`;
  const signature = sign(hash, Buffer.from(signed), { key: privateKey, ...options });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: `key-${alg}`, use: 'sig' };
  return { alg, jwk, token: `${signed}.${b64(signature)}` };
});

const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const site = sha256('bank.example');
const authenticatorData = (flags, count, rest = []) =>
  Buffer.concat([site, Buffer.from([flags, 0, 0, 0, count]), ...rest]);
const clientData = (type) =>
  Buffer.from(JSON.stringify({ type, challenge: b64('challenge'), origin: 'https://bank.example', crossOrigin: false }));
const passkeys = [
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sha256'],
  ['EdDSA', generateKeyPairSync('ed25519'), null],
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'sha256'],
].map(([alg, { publicKey, privateKey }, hash]) => {
  const id = Buffer.from(`credential of ${alg}`);
  // The key in CBOR that would follow is not looked at.
  const credential = [Buffer.alloc(16), Buffer.from([0, id.length]), id, Buffer.from([0xa0])];
  const data = authenticatorData(0x05, 7);
  const client = clientData('webauthn.get');
  return {
    alg,
    id: b64(id),
    publicKey: b64(publicKey.export({ format: 'der', type: 'spki' })),
    registration: { clientData: b64(clientData('webauthn.create')), authenticatorData: b64(authenticatorData(0x45, 0, credential)) },
    assertion: {
      clientData: b64(client),
      authenticatorData: b64(data),
      signature: b64(sign(hash, Buffer.concat([data, sha256(client)]), privateKey)),
    },
  };
});

console.log(JSON.stringify({ tokens, passkeys }, null, 2));
