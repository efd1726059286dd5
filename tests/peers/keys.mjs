// Private keys as OpenSSL writes them, and as JWK.
// settings: {"passphrase"} for the encrypted form
// ready:    {"rsa" | "other-rsa" | "ec" | "other-ec" | "ed25519" | "p384" | "short": {"pkcs8", "pkcs1" or "sec1", "jwk", "public", "encrypted", "spki"}}
import { generateKeyPairSync } from 'node:crypto'
import { ready, settings } from './parent.mjs'

const { passphrase } = await settings

const forms = ({ privateKey, publicKey }, older) => {
  const pem = (type, options) => privateKey.export({ type, format: 'pem', ...options })
  return {
    pkcs8: pem('pkcs8'),
    ...(older && { [older]: pem(older) }),
    encrypted: pem('pkcs8', { cipher: 'aes-256-cbc', passphrase }),
    jwk: privateKey.export({ format: 'jwk' }),
    public: publicKey.export({ format: 'jwk' }),
    spki: publicKey.export({ type: 'spki', format: 'pem' }),
  }
}

ready({
  rsa: forms(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'pkcs1'),
  ec: forms(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sec1'),
  // Of the kinds above, and of nobody who is tested.
  'other-rsa': forms(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'pkcs1'),
  'other-ec': forms(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sec1'),
  ed25519: forms(generateKeyPairSync('ed25519')),
  p384: forms(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'sec1'),
  short: forms(generateKeyPairSync('rsa', { modulusLength: 1024 }), 'pkcs1'),
})
