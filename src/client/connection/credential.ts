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

/** A client proves that it knows this. */
export type Credential = KnownSecret | OfPrincipal

/** By its form: the token of a principal is `name.<32 bytes in base64url>`. */
export async function tokenCredential(token: string): Promise<Credential> {
  const read = readPrincipalToken(token)
  if (read === undefined) return { kind: 'token', secret: tokenSecret(token) }
  const { principal, secret } = read
  return { kind: 'principal', secret, name: principal, id: await tokenId(secret) }
}
