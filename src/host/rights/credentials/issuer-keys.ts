import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'

/** A public key of an issuer of JWTs. */
export interface IssuerKey {
  /** The `kid` of a JWKS. Undefined: it checks tokens with any. */
  readonly id: string | undefined
  /** Signatures that it checks. They need a private key: no `none`, and no HMAC, whose key would be the public one. */
  readonly algorithms: readonly string[]
  readonly key: KeyObject
}

const LEAST_RSA_BITS = 2_048
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const EC: ReadonlyMap<unknown, string> = new Map([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])

/**
 * The public keys in a file: a JWKS, one JWK, or PEM.
 *
 * @throws an Error with the reason
 */
export function readIssuerKeys(text: string): readonly IssuerKey[] {
  if (!text.trimStart().startsWith('{')) return [issuerKey(publicKey(text))]
  const value = JSON.parse(text) as { readonly keys?: unknown }
  const keys = Array.isArray(value.keys) ? (value.keys as readonly unknown[]) : [value]
  const usable = keys.flatMap(readJwk)
  if (usable.length === 0) throw new Error('it has no public key for signatures')
  return usable
}

/** A set may have keys for other purposes, or of other kinds. */
function readJwk(jwk: unknown): IssuerKey[] {
  if (typeof jwk !== 'object' || jwk === null) throw new Error('a key is no JSON object')
  const { use = 'sig', key_ops = ['verify'], kty, kid, alg } = jwk as Readonly<Record<string, unknown>>
  const isForSignatures = use === 'sig' && Array.isArray(key_ops) && key_ops.includes('verify')
  if (!isForSignatures || !['RSA', 'EC', 'OKP'].includes(String(kty))) return []
  const all = issuerKey(createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }), kid)
  const algorithms = all.algorithms.filter(each => alg === undefined || each === alg)
  return algorithms.length === 0 ? [] : [{ ...all, algorithms }]
}

/** A text that has both would be read as a public key: the private one does not belong there. */
function publicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new Error('it has a private key: give the public one')
  return createPublicKey(pem)
}

function issuerKey(key: KeyObject, kid?: unknown): IssuerKey {
  const algorithms = algorithmsOf(key)
  if (algorithms.length > 0) return { id: typeof kid === 'string' ? kid : undefined, algorithms, key }
  throw new Error('a key is of no known kind: RSA of 2048 bits, P-256, P-384, P-521 or Ed25519')
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): readonly string[] {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa') return modulusLength >= LEAST_RSA_BITS ? RSA : []
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  const ec = asymmetricKeyType === 'ec' ? EC.get(namedCurve) : undefined
  return ec === undefined ? [] : [ec]
}
