import { createHash } from 'node:crypto'
import type { ClientIdentity } from '../../src/wire/client-identity.js'

/** The same for the same name. */
export function identityOf(name: string): ClientIdentity {
  const key = Uint8Array.from(createHash('sha256').update(name).digest())
  return { id: createHash('sha256').update(key).digest().subarray(0, 16).toString('base64url'), key }
}
