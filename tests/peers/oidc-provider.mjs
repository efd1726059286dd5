// npm `oidc-provider`: an authorization server that decodes Basic as RFC 6749 s. 2.3.1 says, over http and https.
// settings: {"clients": [{"id", "secret", "method"}], "expires_in": seconds, "certificates": DIR with server.pem, server.key}
// ready:    {"http": "http://127.0.0.1:PORT", "https": "https://localhost:PORT"}
import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { listen, load, ready, settings } from './parent.mjs'

const { clients, expires_in, certificates } = await settings
const { Provider } = await load('oidc-provider')

const plain = http.createServer()
const tls = https.createServer({
  key: readFileSync(`${certificates}/server.key`),
  cert: readFileSync(`${certificates}/server.pem`),
})
const [httpPort, httpsPort] = [await listen(plain), await listen(tls)]

// The ports are in the issuer's name, so the provider is made only now.
const provider = new Provider(`https://localhost:${httpsPort}`, {
  clients: clients.map(({ id, secret, method }) => ({
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: method,
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: 'read write',
  })),
  clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
  scopes: ['read', 'write'],
  ttl: { ClientCredentials: () => expires_in },
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true } },
})
plain.on('request', provider.callback())
tls.on('request', provider.callback())

ready({ http: `http://127.0.0.1:${httpPort}`, https: `https://localhost:${httpsPort}` })
