// npm `@node-oauth/oauth2-server`: an authorization server that takes Basic as it comes, without percent-decoding.
// settings: {"clients": [{"id", "secret"}], "expires_in": seconds}
// ready:    {"http": "http://127.0.0.1:PORT"} with POST /token, GET /api (asks for a token), GET /count (of POST /token)
import http from 'node:http'
import { listen, load, ready, settings } from './parent.mjs'

const { clients, expires_in } = await settings
const { default: express } = await load('express')
const { default: OAuth } = await load('@node-oauth/oauth2-server')

const tokens = new Map()
const oauth = new OAuth({
  accessTokenLifetime: expires_in,
  model: {
    getClient: async (id, secret) =>
      clients.some((client) => client.id === id && client.secret === secret) && { id, grants: ['client_credentials'] },
    getUserFromClient: async ({ id }) => ({ id }),
    validateScope: async (user, client, scope) => scope ?? ['read'],
    saveToken: async (token, client, user) => {
      const row = { ...token, client, user }
      tokens.set(token.accessToken, row)
      return row
    },
    getAccessToken: async (token) => tokens.get(token),
    verifyScope: async () => true,
  },
})

const answer = (act) => async (request, reply) => {
  const response = new OAuth.Response(reply)
  try {
    const value = await act(new OAuth.Request(request), response)
    reply.set(response.headers).status(response.status ?? 200).send(response.body ?? value)
  } catch (error) {
    const body = { error: error.name, error_description: error.message }
    reply.set(response.headers).status(error.code ?? 500).send(body)
  }
}

let asked = 0
const app = express().use(express.urlencoded({ extended: false }))
app.post('/token', (request, reply, next) => (asked++, next()), answer((q, r) => oauth.token(q, r)))
app.get('/api', answer(async (q, r) => ({ client: (await oauth.authenticate(q, r)).client.id })))
app.get('/count', (request, reply) => reply.json(asked))

ready({ http: `http://127.0.0.1:${await listen(http.createServer(app))}` })
