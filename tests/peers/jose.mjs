// npm `jose`: what others make of our proofs, and an assertion that is not ours.
// settings: {"introspect": true, "token", "introspection"}, {"sign": {"key": JWK, "alg", "claims", "lifetime": "60s"}}, or
//           {"proof", "method", "url", "token", "nonce", "introspection": {"url", "id", "secret"}}
// ready:    what introspection says; {"jwt"}; {"claims", "jkt", "cnf": of the introspected token} of a proof that holds, {"fault"} of one that does not
import { createHash } from 'node:crypto'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { ready, settings } from './parent.mjs'

// The one that oidc-provider brings.
const near = createRequire(createRequire(`${process.cwd()}/`).resolve('oidc-provider'))
const { calculateJwkThumbprint, EmbeddedJWK, importJWK, jwtVerify, SignJWT } = await import(
  pathToFileURL(near.resolve('jose'))
)

const { sign, introspect, proof, method, url, token, nonce, introspection } = await settings

const signed = async ({ key, alg, claims, lifetime }) => {
  const jwt = new SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).setIssuedAt().setExpirationTime(lifetime)
  return { jwt: await jwt.sign(await importJWK(key, alg)) }
}

const introspected = async () => {
  const authorization = `Basic ${Buffer.from(`${introspection.id}:${introspection.secret}`).toString('base64')}`
  const answer = await fetch(introspection.url, {
    method: 'POST',
    headers: { authorization },
    body: new URLSearchParams({ token }),
  })
  return answer.json()
}

// RFC 9449 s. 4.3, in its order.
const verified = async () => {
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] })
  const wanted = {
    htm: method,
    htu: url,
    ath: createHash('sha256').update(token).digest('base64url'),
    ...(nonce && { nonce }),
  }
  for (const [claim, value] of Object.entries(wanted)) {
    if (payload[claim] !== value) throw new Error(`${claim} is ${payload[claim]}`)
  }
  if (!nonce && 'nonce' in payload) throw new Error('a nonce that nobody asked for')
  if (typeof payload.jti !== 'string' || payload.jti.length < 16) throw new Error('jti is short')
  if (Math.abs(payload.iat - Date.now() / 1000) > 60) throw new Error('iat is not now')
  if ('d' in protectedHeader.jwk) throw new Error('the private key is in the proof')
  const { active, token_type, cnf } = await introspected()
  return { claims: payload, jwk: protectedHeader.jwk, jkt: await calculateJwkThumbprint(protectedHeader.jwk), active, token_type, cnf }
}

ready(await (sign ? signed(sign) : introspect ? introspected() : verified()).catch((error) => ({ fault: error.message })))
