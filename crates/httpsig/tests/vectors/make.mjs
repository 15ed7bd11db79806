// Writes interledger.json: requests signed by the official TypeScript packages, exactly as they send them.
//
//   npm install @interledger/open-payments@7.4.0 @interledger/http-signature-utils@2.0.3
//   node make.mjs > interledger.json
//
// The clock and the key are fixed, and Ed25519 is deterministic, so the output is the same on every run.

import { createPrivateKey } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// Packages are looked up where the script is run, not where it lies.
const require = createRequire(pathToFileURL(process.cwd() + '/'))

const CREATED = 1_700_000_000
const RealDate = Date
globalThis.Date = class extends RealDate {
  constructor(...args) {
    args.length ? super(...args) : super(CREATED * 1000)
  }
  static now() {
    return CREATED * 1000
  }
}

const KEY_ID = '3f9c2b52-8f0e-4b5e-9c39-0d4a1f6c7e21'
const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 42)])
const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })

const { createHeaders, generateJwk } = require('@interledger/http-signature-utils')
const { createAuthenticatedClient } = require('@interledger/open-payments')

const requests = []

// The whole client, with its network replaced: what it would send is written down, and it gets no answer.
globalThis.fetch = async (request) => {
  requests.push({
    name: next,
    method: request.method,
    url: request.url,
    headers: Object.fromEntries(request.headers.entries()),
    body: request.body ? await request.text() : null
  })
  return new Response('{}', { status: 400, headers: { 'content-type': 'application/json' } })
}
let next
async function client(name, call) {
  next = name
  const before = requests.length
  await call().catch(() => undefined)
  if (requests.length !== before + 1) throw new Error(`${name}: expected one request`)
}

const WALLET = 'https://cloudninebank.example.com/alice'
const AUTH = 'https://auth.cloudninebank.example.com/'
const RESOURCE = 'https://cloudninebank.example.com/op'
const accessToken = 'OS9M2PMHKUR64TB8N6BW7OZB8CDFONP219RP1LT0'
const open = await createAuthenticatedClient({
  walletAddressUrl: 'https://shop.example/.well-known/pay',
  keyId: KEY_ID,
  privateKey,
  logLevel: 'silent',
  validateResponses: false
})

await client('client: grant request', () =>
  open.grant.request(
    { url: AUTH },
    { access_token: { access: [{ type: 'incoming-payment', actions: ['create', 'read'] }] } }
  )
)
await client('client: grant continuation', () =>
  open.grant.continue({ url: AUTH + 'continue/4CF492MLVMSW9MKM', accessToken }, { interact_ref: 'ad82597c' })
)
await client('client: grant continuation, empty body', () =>
  open.grant.continue({ url: AUTH + 'continue/4CF492MLVMSW9MKM', accessToken })
)
await client('client: grant cancellation', () =>
  open.grant.cancel({ url: AUTH + 'continue/4CF492MLVMSW9MKM', accessToken })
)
await client('client: token rotation', () => open.token.rotate({ url: AUTH + 'token/dd17a202', accessToken }))
await client('client: get incoming payment', () =>
  open.incomingPayment.get({ url: RESOURCE + '/incoming-payments/08394f02-7b7b-45e2-b645-51d04e7c345c', accessToken })
)
await client('client: list outgoing payments', () =>
  open.outgoingPayment.list({ url: RESOURCE, walletAddress: WALLET, accessToken }, { first: 10, cursor: 'a b&c=é' })
)
await client('client: create incoming payment, unicode', () =>
  open.incomingPayment.create(
    { url: RESOURCE, accessToken },
    {
      walletAddress: WALLET,
      incomingAmount: { value: '2599', assetCode: 'EUR', assetScale: 2 },
      metadata: { description: 'Crème brûlée für Łukasz – ☕️ 日本語 "quoted" \\ \u2028 end' }
    }
  )
)
await client('client: complete incoming payment', () =>
  open.incomingPayment.complete({
    url: RESOURCE + '/incoming-payments/08394f02-7b7b-45e2-b645-51d04e7c345c',
    accessToken
  })
)

// The lower layer, which other programs use directly.
async function headersOnly(name, request) {
  const headers = { ...request.headers }
  const signed = await createHeaders({ request, privateKey, keyId: KEY_ID })
  for (const [key, value] of Object.entries(signed)) if (value !== undefined) headers[key.toLowerCase()] = value
  requests.push({ name, method: request.method, url: request.url, headers, body: request.body ?? null })
}
await headersOnly('headers: GET without authorization', { method: 'GET', url: WALLET + '/jwks.json', headers: {} })
await headersOnly('headers: GET with authorization', {
  method: 'GET',
  url: RESOURCE + '/outgoing-payment-grant?x=1&y=%C3%A9',
  headers: { authorization: `GNAP ${accessToken}` }
})
await headersOnly('headers: POST with a body', {
  method: 'POST',
  url: 'http://localhost:3000/quotes',
  headers: { authorization: `GNAP ${accessToken}` },
  body: '{"a":"ünïcödé 🎉"}'
})
await headersOnly('headers: POST without a body', { method: 'POST', url: AUTH + 'continue/1', headers: {} })

const vectors = {
  made_by: {
    '@interledger/open-payments': require('@interledger/open-payments/package.json').version,
    '@interledger/http-signature-utils': require('@interledger/http-signature-utils/package.json').version
  },
  created: CREATED,
  private_key_pem: pem,
  private_key_base64_pem: Buffer.from(pem).toString('base64'),
  jwk: generateJwk({ privateKey, keyId: KEY_ID }),
  requests
}
process.stdout.write(JSON.stringify(vectors, null, 2) + '\n')
