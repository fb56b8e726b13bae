import { InvalidOptionError } from '../../errors.js'
import { isUtf8 } from '../../message/well-formed.js'
import { isJwt } from '../../wire/jwt-form.js'
import { readPrincipalToken, tokenId } from '../../wire/principal-token.js'
import type { WorkerOf } from '../../wire/handshake.js'
import { tokenSecret } from '../../wire/proof.js'

/** The secret of this user on this machine (the default kind), or the one token of a host. */
export interface KnownSecret {
  readonly kind?: 'secret' | 'token'
  readonly secret: Uint8Array
  /** The rights that a worker has instead of those of this user. Default: it may do everything. */
  readonly worker?: WorkerOf | undefined
}

/** The token of a principal, which the host checks without knowing it. */
export interface OfPrincipal {
  readonly kind: 'principal'
  readonly secret: Uint8Array
  readonly name: string
  /** The id of its token. */
  readonly id: string
}

/** A JWT, or the certificate that the client shows in TLS: the connection itself proves the host. */
export type Borne = { readonly kind: 'jwt'; readonly token: string } | { readonly kind: 'certificate' }

/** A client proves that it knows this, or shows it. */
export type Credential = KnownSecret | OfPrincipal | Borne

/** A token, or a function that returns the present one. It is called before each attempt to connect. */
export type TokenSource = string | (() => string | Promise<string>)

/** @throws InvalidOptionError */
export function checkToken(token: unknown): void {
  if (token === undefined || typeof token === 'function') return
  if (typeof token !== 'string')
    throw new InvalidOptionError('token must be a string, or a function that returns one.')
  if (!isUtf8(token)) throw new InvalidOptionError('token must be without half a surrogate pair.')
  if (token.trim() === '') throw new InvalidOptionError('token must not be empty.')
}

/** @throws InvalidOptionError if a function returns no token */
export async function credentialOf(source: TokenSource): Promise<Credential> {
  if (typeof source === 'string') return tokenCredential(source)
  const token: unknown = await source()
  checkToken(token)
  if (typeof token === 'string') return tokenCredential(token)
  throw new InvalidOptionError('The function `token` must return a string.')
}

/** By its form: the token of a principal is `name.<32 bytes in base64url>`, and a JWT has three parts. */
export async function tokenCredential(token: string): Promise<Credential> {
  const read = readPrincipalToken(token)
  if (read === undefined && isJwt(token.trim())) return { kind: 'jwt', token: token.trim() }
  if (read === undefined) return { kind: 'token', secret: tokenSecret(token) }
  const { principal, secret } = read
  return { kind: 'principal', secret, name: principal, id: await tokenId(secret) }
}
