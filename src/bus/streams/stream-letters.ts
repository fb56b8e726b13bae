import type { MsgvanError } from '../../errors.js'
import type { Envelope, Headers } from '../../message/envelope.js'
import { isExposure, isPassing } from '../../message/topic.js'
import { CODE, FROM, goneLetter } from '../actors/reply-inbox.js'

/** Which observation a letter is about: a number of the observing bus's. */
export const STREAM = '$stream'
export const KIND = '$kind'
/** How many values there were, the letter's own included: who counts otherwise has missed some. */
export const COUNT = '$count'

/**
 * To who observes: `begun` (nothing was emitted yet), `next`, `values` (several in a list), `done`, `error`, and now and then `running`, with all that runs.
 * To who exposes: `cancel`, and now and then `observing`.
 */
export type StreamLetter = 'begun' | 'next' | 'values' | 'done' | 'error' | 'running' | 'cancel' | 'observing'

/** So often both ends look, in milliseconds, whether the other one is there. */
export const LOOK_MS = 1_000

/** So many looks in a row an end may not be found: a host that was started again hears of its buses one after the other. */
export const LOOKS_GONE = 2

/** What the van says to who wrote a letter that finds nobody: to an address of a bus that is gone, or for what nobody exposes. */
export function returnOf({ topic, headers }: Envelope): { to: string; headers: Headers } | undefined {
  if (!isPassing(topic)) return undefined
  return isExposure(topic) ? refusalOf(headers, 'MSGVAN_NOT_EXPOSED') : goneLetter(topic, headers)
}

/** What the van says to who observes when no answer will come. */
export function refusalOf(
  headers: Headers,
  code: MsgvanError['code'],
): { to: string; headers: Headers } | undefined {
  const { [FROM]: to, [STREAM]: stream } = headers
  if (to === undefined || stream === undefined) return undefined
  return { to, headers: { [STREAM]: stream, [KIND]: 'error' satisfies StreamLetter, [CODE]: code } }
}
