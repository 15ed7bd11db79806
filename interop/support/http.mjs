// Plain HTTP as it is on the wire: every header may be set, nothing is followed, nothing is retried.

import http from 'node:http';

const ANSWER_MS_MAX = 10_000;
const agent = new http.Agent({ keepAlive: true });

/**
 * Sends a request and reads the whole answer.
 *
 * @param {string} method
 * @param {string} url `http:` only: the sandbox has no TLS
 * @param {{ headers?: Record<string, string>, body?: string, connectTo?: string }} [parts] `connectTo` is the host to
 *   connect to, and to name in `Host`, instead of the URL's
 * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, text: string, json: any }>} `json` is
 *   undefined if the body is no JSON
 */
export function send(method, url, { headers = {}, body, connectTo } = {}) {
  const target = new URL(url);
  if (connectTo) target.host = connectTo;
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  return new Promise((resolve, reject) => {
    const request = http.request(
      target,
      { method, agent, headers: { ...length, ...headers }, signal: AbortSignal.timeout(ANSWER_MS_MAX) },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: response.statusCode, headers: response.headers, text, json: parsed(text) });
        });
      },
    );
    request.on('error', (cause) => reject(new Error(`${method} ${url} got no answer`, { cause })));
    request.end(body);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
