import type { MsgvanError } from '../../errors.js'
import type { Envelope, Headers } from '../../message/envelope.js'
import { isExposure, isTransientTopic, isRequest } from '../../message/topic.js'
import type { Unrouted } from '../contract/broker.js'
import { requestNotice } from '../requests/request-messages.js'
import { CODE, FROM, goneNotice } from '../actors/reply-inbox.js'

/** The observation: a number that the observing bus gave it. */
export const STREAM = '$stream'
export const KIND = '$kind'
/** The number of values so far, those in this message included. An observer with another count has missed some. */
export const COUNT = '$count'

/**
 * To the observing bus: `begun` (no value yet), `next`, `values` (several in a list), `done`, `error`, and now and then
 * `running`, with all streams that run. To the exposing bus: `cancel`, and now and then `observing`.
 */
export type StreamKind = 'begun' | 'next' | 'values' | 'done' | 'error' | 'running' | 'cancel' | 'observing'

/** Milliseconds between two looks of each end for the other. */
export const LOOK_MS = 1_000

/**
 * An end counts as gone after this number of looks in a row: after a restart, a host learns of its buses one after the
 * other.
 */
export const LOOKS_GONE = 2

/**
 * The van's answer to a message without a receiver: its address belongs to a bus that is gone, its name is not exposed,
 * or no responder has the request.
 */
export function returnOf(
  { topic, headers }: Envelope,
  why: Unrouted,
): { to: string; headers: Headers } | undefined {
  if (!isTransientTopic(topic)) return undefined
  if (isRequest(topic)) return requestNotice(headers, why)
  return isExposure(topic) ? refusalOf(headers, 'MSGVAN_NOT_EXPOSED') : goneNotice(topic, headers)
}

/** The van's answer to an observer that will get no other. */
export function refusalOf(
  headers: Headers,
  code: MsgvanError['code'],
): { to: string; headers: Headers } | undefined {
  const { [FROM]: to, [STREAM]: stream } = headers
  if (to === undefined || stream === undefined) return undefined
  return { to, headers: { [STREAM]: stream, [KIND]: 'error' satisfies StreamKind, [CODE]: code } }
}
