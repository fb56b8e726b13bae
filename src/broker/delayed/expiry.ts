import { noHeaders, type Envelope, type Headers } from '../../message/envelope.js'
import { checkHeaders } from '../../message/headers.js'

/** The header with the end of a message's time to live: milliseconds since the epoch. */
export const EXPIRES = '$expires'

/** @throws InvalidPayloadError if they become too large */
export function expiring(headers: Headers, at: number): Headers {
  const all = { ...headers, [EXPIRES]: String(Math.ceil(at)) }
  checkHeaders(all)
  return all
}

/** Milliseconds since the epoch; undefined: it does not expire. */
export function expiryOf(headers: Headers): number | undefined {
  const expires = headers === noHeaders ? undefined : headers[EXPIRES]
  return expires === undefined ? undefined : Number(expires)
}

/** A subscription, as far as its messages may expire. */
interface Expiring {
  readonly hasEnded: boolean
  readonly owner: { hasExpired?(headers: Headers): boolean }
}

/** The message's time to live has ended. A dead letter that comes again has no end. */
export function isExpired({ hasEnded, owner }: Expiring, { headers, isRedriven }: Envelope): boolean {
  return !isRedriven && !hasEnded && owner.hasExpired?.(headers) === true
}
