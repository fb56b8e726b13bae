import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { GapError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import { isOwnMailbox } from '../message/topic.js'
import type { Missed as MissedKinds } from '../wire/frames/control-frames.js'

const NOT_KNOWN =
  'The host does not know this bus any more: it was away for too long, or the host is a new one.'
const NOT_KNOWN_BEYOND =
  'The leader of the host does not know that host any more: it was away for too long, or the leader is a new one.'

const MOST_NAMED = 10

type Missed = Pick<SubscriptionRequest, 'pattern' | 'name'>

/**
 * The host does not know this bus any more.
 * @param unnamed what it subscribes to without a name
 * @param named what it subscribes to under a name, if the memory in which their messages waited is gone
 */
export function gapError(unnamed: readonly Missed[], named: readonly Missed[], why = NOT_KNOWN): GapError {
  const patterns = unnamed.map(({ pattern }) => describePattern(pattern))
  const names = [...new Set(named.map(({ name }) => name ?? ''))]
  const missed: string[] = []
  if (patterns.length > 0)
    missed.push(
      `Subscriptions without a name may have missed messages meanwhile: ${some(patterns)}. Give a subscription a name if it must miss none.`,
    )
  if (names.length > 0)
    missed.push(
      `What waited in the memory or the store of the host before is gone, also for subscriptions with a name: ${some(names)}. A host with a store (--store) loses nothing as long as that store is there.`,
    )
  if (missed.length === 0)
    missed.push('Its subscriptions all have names, and miss nothing that the host still has.')
  return new GapError(
    `${why} ${missed.join(' ')}`,
    [...patterns, ...named.map(({ pattern }) => describePattern(pattern))],
    names,
  )
}

/**
 * The host is a follower, and its leader does not know it any more.
 * @returns undefined if that concerns none of these
 */
export function gapBeyond(
  missed: MissedKinds,
  unnamed: readonly SubscriptionRequest[],
  named: readonly SubscriptionRequest[],
): GapError | undefined {
  const concerned = unnamed.filter(({ from }) => (from === undefined ? missed.live : missed.replayed))
  // An actor's mailbox is at the host where the actor is.
  const lost = missed.named ? named.filter(({ name = '' }) => !isOwnMailbox(name)) : []
  return concerned.length + lost.length === 0 ? undefined : gapError(concerned, lost, NOT_KNOWN_BEYOND)
}

function some(texts: readonly string[]): string {
  return `${texts.slice(0, MOST_NAMED).join(', ')}${texts.length > MOST_NAMED ? ', …' : ''}`
}
