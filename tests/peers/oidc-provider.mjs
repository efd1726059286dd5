// npm `oidc-provider`: an authorization server with every client authentication method, DPoP, certificates, resources,
// introspection, revocation and discovery. It decodes Basic as RFC 6749 s. 2.3.1 says, and takes each assertion once.
// settings: {"clients": [metadata of RFC 7591; "certificate": PEM in place of jwks], "expires_in": seconds,
//            "certificates": DIR with ca.pem, server.pem, server.key,
//            "assertions": "strict" (RFC 10070) | "old" (for the token endpoint, typ JWT) | absent: any that is valid,
//            "dpop_nonce": whether proofs need one, "absent": [paths that are answered with 404]}
// ready:    {"http": "http://127.0.0.1:PORT", "https": "https://localhost:PORT", "mtls": "https://localhost:PORT"}
import { randomBytes, X509Certificate, generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { listen, load, ready, settings } from './parent.mjs'

const { clients, expires_in, certificates, assertions, dpop_nonce = false, absent = [] } = await settings
const { Provider, errors } = await load('oidc-provider')

const file = (name) => readFileSync(`${certificates}/${name}`)
const identity = { key: file('server.key'), cert: file('server.pem') }
const plain = http.createServer()
const tls = https.createServer(identity)
// The port that asks for a certificate is another one (RFC 8705 s. 5): browsers would ask people for theirs.
const mtls = https.createServer({ ...identity, ca: file('ca.pem'), requestCert: true, rejectUnauthorized: false })
const [httpPort, httpsPort, mtlsPort] = [await listen(plain), await listen(tls), await listen(mtls)]
// The ports are in the issuer's name, so the provider is made only now.
const issuer = `https://localhost:${httpsPort}`
const aliased = `https://localhost:${mtlsPort}`

const registered = ({ certificate, ...metadata }) => {
  const shown = certificate && new X509Certificate(certificate)
  const key = shown && { ...shown.publicKey.export({ format: 'jwk' }), x5c: [shown.raw.toString('base64')] }
  return {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: 'read write',
    ...metadata,
    ...(key && { jwks: { keys: [key] } }),
  }
}

const checked = {
  strict: ({ aud }, { typ }) => aud === issuer && typ === 'client-authentication+jwt',
  old: ({ aud }, { typ }) => aud === `${issuer}/token` && typ === 'JWT',
}[assertions] ?? (() => true)

const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
const peer = (ctx) => ctx.req.socket.getPeerCertificate?.()

const provider = new Provider(issuer, {
  clients: clients.map(registered),
  jwks: { keys: [{ ...signing, kid: 'rs1', alg: 'RS256', use: 'sig' }] },
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'tls_client_auth',
    'self_signed_tls_client_auth',
  ],
  scopes: ['read', 'write'],
  ttl: { ClientCredentials: () => expires_in },
  discovery: {
    mtls_endpoint_aliases: {
      token_endpoint: `${aliased}/token`,
      introspection_endpoint: `${aliased}/token/introspection`,
      revocation_endpoint: `${aliased}/token/revocation`,
    },
  },
  assertJwtClientAuthClaimsAndHeader: async (ctx, claims, header) => {
    if (!checked(claims, header) || claims.exp - claims.iat > 60) {
      throw new errors.InvalidClientAuth('the assertion is not as it should be')
    }
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: async () => true },
    revocation: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => dpop_nonce },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => peer(ctx)?.raw && new X509Certificate(peer(ctx).raw).toString(),
      certificateAuthorized: (ctx) => ctx.req.socket.authorized === true,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === 'tls_client_auth_san_dns' &&
        (peer(ctx).subjectaltname ?? '').split(', ').includes(`DNS:${expected}`),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (ctx, uri) => {
        if (uri.startsWith('https://unknown.')) throw new errors.InvalidTarget()
        const jwt = uri.startsWith('https://jwt.')
        return {
          scope: 'read write',
          audience: uri,
          accessTokenTTL: expires_in,
          accessTokenFormat: jwt ? 'jwt' : 'opaque',
          jwt: { sign: { alg: 'RS256' } },
        }
      },
    },
  },
})
const answer = provider.callback()
for (const server of [plain, tls, mtls]) {
  server.on('request', (request, reply) => {
    if (absent.includes(request.url)) reply.writeHead(404).end('nothing is here')
    else answer(request, reply)
  })
}

ready({ http: `http://127.0.0.1:${httpPort}`, https: issuer, mtls: aliased })
