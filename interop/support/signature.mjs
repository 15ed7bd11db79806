// HTTP Message Signatures (RFC 9421) over any components, with any mistake that a test wants to make.

import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { generateJwk } from '@interledger/http-signature-utils';

/** A new Ed25519 key: its name, the public part as a JWK, and the private part. */
export function newKey(kid = randomUUID()) {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { kid, privateKey, jwk: { ...generateJwk({ privateKey, keyId: kid }), use: 'sig' } };
}

/** `Content-Digest` (RFC 9530) of a body; `algorithm` is `sha-256` or `sha-512`. */
export function contentDigest(body, algorithm = 'sha-512') {
  return `${algorithm}=:${createHash(algorithm.replace('-', '')).update(body).digest('base64')}:`;
}

/** Seconds since 1970 by the clock that signatures are checked against, which no sandbox moves. */
export function wireSeconds() {
  return Math.floor(Date.now() / 1000);
}

/**
 * The headers of a signed request, signature included.
 *
 * @param {object} request
 * @param {string} request.method
 * @param {string} request.url what goes into `@target-uri`
 * @param {ReturnType<typeof newKey>} request.key
 * @param {string} [request.token] access token
 * @param {string} [request.body]
 * @param {object} [how] what to do differently from the official client
 * @param {string} [how.label] name of the signature
 * @param {string[]} [how.components] what is covered
 * @param {Record<string, string | number | undefined>} [how.parameters] of the signature; undefined leaves one out
 * @param {string} [how.digest] value of `Content-Digest`
 * @param {string} [how.authorization] value of `Authorization`
 */
export function signedHeaders({ method, url, key, token, body }, how = {}) {
  const headers = { 'content-type': 'application/json' };
  if (token !== undefined) headers.authorization = `GNAP ${token}`;
  if (how.authorization !== undefined) headers.authorization = how.authorization;
  if (body !== undefined) {
    headers['content-digest'] = how.digest ?? contentDigest(body);
    headers['content-length'] = String(Buffer.byteLength(body));
  }
  const components = how.components ?? usualComponents(headers);
  const parameters = parameterText({ created: wireSeconds(), keyid: key.kid, ...how.parameters });
  const input = `(${components.map((name) => `"${name}"`).join(' ')})${parameters}`;
  const derived = { '@method': method, '@target-uri': url, '@authority': new URL(url).host };
  const lines = components.map((name) => `"${name}": ${derived[name] ?? headers[name]}`);
  const base = [...lines, `"@signature-params": ${input}`].join('\n');
  const label = how.label ?? 'sig1';
  const signature = sign(null, Buffer.from(base), key.privateKey).toString('base64');
  return { ...headers, 'signature-input': `${label}=${input}`, signature: `${label}=:${signature}:` };
}

/** What the official client covers. */
function usualComponents(headers) {
  const components = ['@method', '@target-uri'];
  if (headers.authorization !== undefined) components.push('authorization');
  if (headers['content-digest']) components.push('content-digest', 'content-length', 'content-type');
  return components;
}

function parameterText(parameters) {
  return Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `;${name}=${typeof value === 'string' ? `"${value}"` : value}`)
    .join('');
}
