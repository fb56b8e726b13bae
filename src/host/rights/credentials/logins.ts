import { AuthError } from '../../../errors.js'
import type { CertificateCredential, Credential, JwtCredential } from '../definition.js'
import type { Principal } from '../principal.js'
import type { ClientCertificate } from './certificate.js'
import type { CredentialFiles, KnownKey } from './credential-files.js'
import type { VerifiedJwt } from './jwt.js'

/** A principal that came in, and a text by which `isValid` knows the credential again. */
export interface Login {
  readonly principal: Principal
  readonly token: string
}

/** Of a JWT or a certificate. A token of a principal has its id alone. */
const BASE = 36

/**
 * The principal of a JWT: the first one in the file that takes it.
 *
 * @throws AuthError
 */
export async function loginByJwt(
  text: string,
  principals: Iterable<Principal>,
  files: CredentialFiles,
): Promise<Login> {
  // Most hosts have no principal with a JWT.
  const { claimedIssuer, verifyJwt } = await import('./jwt.js')
  const now = Date.now()
  const issuer = claimedIssuer(text)
  // A stranger must not cost one check of a signature for each principal.
  const verified = new Map<string, VerifiedJwt<KnownKey> | undefined>()
  for (const [principal, credential] of credentialsOf(principals, 'jwt', now)) {
    const { keys } = credential
    if (credential.issuer !== issuer) continue
    if (!verified.has(keys)) verified.set(keys, await verifyJwt(text, files.keys(keys), now))
    const jwt = verified.get(keys)
    if (jwt !== undefined && takes(credential, jwt))
      return {
        principal,
        token: `jwt.${credential.id}.${jwt.signer.digest}.${jwt.expires.toString(BASE)}`,
      }
  }
  throw new AuthError(
    'This host takes no such JWT: its issuer, its signature, its audience or its claims fit no principal.',
  )
}

/**
 * The principal of a certificate: the first one in the file that takes it.
 *
 * @throws AuthError
 */
export function loginByCertificate(
  certificate: ClientCertificate,
  principals: Iterable<Principal>,
  files: CredentialFiles,
): Login {
  const now = Date.now()
  const { begins, expires } = certificate
  if (!(begins <= now && now < expires)) throw new AuthError('The certificate is not valid now.')
  for (const [principal, credential] of credentialsOf(principals, 'certificate', now))
    if (isOf(credential, certificate, files))
      return { principal, token: `certificate.${credential.id}.${expires.toString(BASE)}` }
  throw new AuthError('This host knows no principal with this certificate.')
}

/** Whether a client that came in by it may stay. */
export function isValid({ principal, token }: Login, files: CredentialFiles): boolean {
  const [kind = '', id, ...more] = token.split('.')
  if (id === undefined) return principal.token(token) !== undefined
  const now = Date.now()
  const credential = principal.credentials(now).find(each => each.kind === kind && each.id === id)
  if (credential === undefined || Number.parseInt(more.at(-1) ?? '', BASE) <= now) return false
  return credential.kind !== 'jwt' || files.keys(credential.keys).some(({ digest }) => digest === more[0])
}

function* credentialsOf<K extends Credential['kind']>(
  principals: Iterable<Principal>,
  kind: K,
  now: number,
): Generator<readonly [Principal, Extract<Credential, { readonly kind: K }>]> {
  for (const principal of principals)
    for (const credential of principal.credentials(now))
      if (credential.kind === kind) yield [principal, credential as Extract<Credential, { readonly kind: K }>]
}

function takes({ audience, claims }: JwtCredential, jwt: VerifiedJwt<KnownKey>): boolean {
  if (!jwt.audiences.includes(audience)) return false
  return claims.every(
    ([name, wanted]) => Object.hasOwn(jwt.claims, name) && hasClaim(name, jwt.claims[name], wanted),
  )
}

/** A claim may be a list, and `scope` is one with spaces. */
function hasClaim(name: string, value: unknown, wanted: unknown): boolean {
  if (name === 'scope' && typeof value === 'string') return value.split(' ').includes(String(wanted))
  return Array.isArray(value) ? value.includes(wanted) : value === wanted
}

function isOf(
  { fingerprint, subject, ca }: CertificateCredential,
  certificate: ClientCertificate,
  files: CredentialFiles,
): boolean {
  if (fingerprint !== undefined) return fingerprint === certificate.fingerprint
  const trusted = ca === undefined ? [] : files.authorities(ca)
  return subject === certificate.subject && certificate.issuers.some(each => trusted.includes(each))
}
