import { ConsumerDiedError, describe, MsgvanError } from '../../errors.js'
import { noHeaders, type Headers } from '../../message/envelope.js'
import { ASK } from '../actors/actor-requests.js'
import { CODE, FROM } from '../actors/reply-inbox.js'
import type { Unrouted } from '../contract/broker.js'

export { ASK, CODE, FROM }

/** The kind of a message to the asker. */
export const ANSWER = '$answer'
/** To the responder: the request that its asker has given up. */
export const CANCEL = '$cancel'
/** To the responder: the request whose asker has heard nothing for a while. */
export const PROBE = '$probe'
/** Of a request that was with a responder before: how many of them died of it. */
export const AGAIN = '$again'
/** The reason in a notice of the van, which has no payload. */
const REASON = '$reason'

/**
 * `value`: the answer. `error`: the error in its place. `working`: a responder has it. Notices of the van:
 * `no-responder` (none is there), `left` (the responder's subscription is gone, and with it the request), `died` (the
 * responder died).
 */
export type AnswerKind = 'value' | 'error' | 'working' | Unrouted

/** A notice to the asker of a request that no responder has. Undefined for a message that is no request. */
export function requestNotice(
  { [FROM]: to, [ASK]: id }: Headers,
  kind: Unrouted,
): { to: string; headers: Headers } | undefined {
  return to === undefined || id === undefined ? undefined : { to, headers: { [ASK]: id, [ANSWER]: kind } }
}

/** A notice to the asker of a request that its responder failed (`nack`, `reject`, or its death). */
export function failureNotice(
  headers: Headers,
  error: unknown,
): { to: string; headers: Headers } | undefined {
  const notice = requestNotice(headers, 'died')
  if (notice === undefined || error instanceof ConsumerDiedError) return notice
  const code = error instanceof MsgvanError ? error.code : 'MSGVAN_REMOTE'
  const reason = { [ANSWER]: 'error' satisfies AnswerKind, [CODE]: code, [REASON]: describe(error) }
  return { to: notice.to, headers: { ...notice.headers, ...reason } }
}

/** The text of a notice. */
export function reasonIn(headers: Headers): string | undefined {
  return headers[REASON]
}

/** Without those of msgvan itself. */
export function ownHeaders(headers: Headers): Headers {
  let own: Record<string, string> | undefined
  for (const key in headers) {
    const value = headers[key]
    if (value !== undefined && !OF_REQUESTS.has(key)) (own ??= {})[key] = value
  }
  return own ?? noHeaders
}

const OF_REQUESTS: ReadonlySet<string> = new Set([FROM, ASK, AGAIN, ANSWER])
