import { constants, createPublicKey, verify, type JsonWebKey, type KeyObject } from 'node:crypto'
import { AuthError } from '../../../errors.js'

/** The claims that a host reads, and all others. */
export interface Claims {
  readonly iss: string
  readonly aud: readonly string[]
  /** Milliseconds since 1970. */
  readonly expires: number
  readonly all: Readonly<Record<string, unknown>>
}

/** A public key of an issuer. */
export interface IssuerKey {
  /** The `kid` of a JWKS. Undefined: it checks tokens with any. */
  readonly id: string | undefined
  /** Undefined: each that fits the key. */
  readonly algorithm: string | undefined
  readonly key: KeyObject
}

interface Algorithm {
  readonly hash: string | undefined
  fits(key: KeyObject): boolean
  readonly options: object
}

const LEAST_RSA_BITS = 2_048
/** Clocks of issuer and host may differ by this. */
const LEEWAY_MS = 30_000
const FORM = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

const isRsa = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean =>
  asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_RSA_BITS
const rsa = (hash: string): Algorithm => ({
  ...{ hash, fits: isRsa },
  options: { padding: constants.RSA_PKCS1_PADDING },
})
const pss = (hash: string): Algorithm => ({
  ...{ hash, fits: isRsa },
  options: {
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  },
})
const ecdsa = (hash: string, curve: string): Algorithm => ({
  hash,
  fits: ({ asymmetricKeyType, asymmetricKeyDetails }) =>
    asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === curve,
  options: { dsaEncoding: 'ieee-p1363' },
})

/**
 * Signatures by a private key alone. So no `none`, and no HMAC, whose key would be the public one. A Map: `constructor`
 * is no algorithm.
 */
const ALGORITHMS: ReadonlyMap<unknown, Algorithm> = new Map([
  ['RS256', rsa('sha256')],
  ['RS384', rsa('sha384')],
  ['RS512', rsa('sha512')],
  ['PS256', pss('sha256')],
  ['PS384', pss('sha384')],
  ['PS512', pss('sha512')],
  ['ES256', ecdsa('sha256', 'prime256v1')],
  ['ES384', ecdsa('sha384', 'secp384r1')],
  ['ES512', ecdsa('sha512', 'secp521r1')],
  [
    'EdDSA',
    { hash: undefined, fits: ({ asymmetricKeyType }) => asymmetricKeyType === 'ed25519', options: {} },
  ],
])

/** The parts of a JWT, of which nothing is true yet. */
export interface UnverifiedJwt {
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly signed: Buffer
  readonly signature: Buffer
}

/** @throws AuthError */
export function parseJwt(text: string): UnverifiedJwt {
  const [, header = '', claims = '', signature = ''] = FORM.exec(text) ?? []
  return {
    header: objectOf(header),
    claims: objectOf(claims),
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}

/** @returns the key that signed it; undefined: none of these */
export function signerOf<Key extends IssuerKey>(
  { header, signed, signature }: UnverifiedJwt,
  keys: readonly Key[],
): Key | undefined {
  const { alg, kid, crit } = header
  const algorithm = ALGORITHMS.get(alg)
  // `crit` lists extensions that a reader must know. This one knows none.
  if (algorithm === undefined || crit !== undefined) return undefined
  return keys.find(({ id, algorithm: only, key }) => {
    const isMeant = (id === undefined || kid === undefined || id === kid) && (only ?? alg) === alg
    return (
      isMeant &&
      algorithm.fits(key) &&
      verify(algorithm.hash, signed, { key, ...algorithm.options }, signature)
    )
  })
}

/**
 * The claims of a token whose signature is good.
 *
 * @throws AuthError if it is not valid now, or has no end
 */
export function validClaims({ claims }: UnverifiedJwt, now: number): Claims {
  const { iss, aud, exp, nbf } = claims
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw new AuthError('The JWT has no expiry (`exp`).')
  if (exp * 1_000 <= now) throw new AuthError('The JWT has expired. Get a new one.')
  if (nbf !== undefined && (typeof nbf !== 'number' || nbf * 1_000 > now + LEEWAY_MS))
    throw new AuthError('The JWT is not valid yet (`nbf`).')
  const audiences = Array.isArray(aud) ? (aud as readonly unknown[]) : [aud]
  return {
    iss: typeof iss === 'string' ? iss : '',
    aud: audiences.filter(each => typeof each === 'string'),
    expires: Math.min(exp * 1_000, Number.MAX_SAFE_INTEGER),
    all: claims,
  }
}

/**
 * The public keys in a file: a JWKS, one JWK, or PEM.
 *
 * @throws an Error with the reason
 */
export function readIssuerKeys(text: string): readonly IssuerKey[] {
  if (!text.trimStart().startsWith('{'))
    return [checked({ id: undefined, algorithm: undefined, key: publicKey(text) })]
  const value = JSON.parse(text) as { readonly keys?: unknown }
  const keys = Array.isArray(value.keys) ? (value.keys as readonly unknown[]) : [value]
  // A set may have keys for other purposes, or of other kinds.
  const usable = keys.flatMap(each => {
    const { use = 'sig', kty, kid, alg } = each as Readonly<Record<string, unknown>>
    if (use !== 'sig' || !['RSA', 'EC', 'OKP'].includes(String(kty))) return []
    const key = createPublicKey({ key: each as JsonWebKey, format: 'jwk' })
    const id = typeof kid === 'string' ? kid : undefined
    return [checked({ id, algorithm: typeof alg === 'string' ? alg : undefined, key })]
  })
  if (usable.length === 0) throw new Error('it has no public key for signatures')
  return usable
}

/** A text that has both would be read as a public key: the private one does not belong there. */
function publicKey(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new Error('it has a private key: give the public one')
  return createPublicKey(pem)
}

function checked(each: IssuerKey): IssuerKey {
  if ([...ALGORITHMS.values()].some(algorithm => algorithm.fits(each.key))) return each
  throw new Error('a key is of no known kind: RSA of 2048 bits, P-256, P-384, P-521 or Ed25519')
}

function objectOf(part: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>
  } catch {
    // Reported below.
  }
  throw new AuthError('The token is not a JWT.')
}
