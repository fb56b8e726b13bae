import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { GapError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import { isOwnMailbox } from '../message/topic.js'
import type { Missed as MissedKinds } from '../wire/missed.js'

const NOT_KNOWN =
  'The host does not know this bus any more: the bus was away for too long, or the host is a new one.'
const NOT_KNOWN_BEYOND =
  'The leader of the host does not know that host any more: the host was away for too long, or the leader is a new one.'
const NOT_STORED =
  'The host has started anew, and its store did not have all subscriptions of this bus: the disk failed when they began.'

const MOST_NAMED = 10

type Missed = Pick<SubscriptionRequest, 'pattern' | 'name'>

/**
 * The host does not know this bus any more.
 * @param unnamed its subscriptions without a name
 * @param named its named subscriptions, if the memory that had their messages is gone
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
      `The messages that waited in the memory or the store of the previous host are gone, also for subscriptions with a name: ${some(names)}. A host with a store (--store) loses nothing as long as that store exists.`,
    )
  if (missed.length === 0)
    missed.push('All its subscriptions have names. They miss nothing that the host still has.')
  return new GapError(
    `${why} ${missed.join(' ')}`,
    [...patterns, ...named.map(({ pattern }) => describePattern(pattern))],
    names,
  )
}

/** The store of a host did not have this subscription, though it had others of this bus. */
export function gapOfUnstored(request: Missed): GapError {
  return gapError([request], [], NOT_STORED)
}

/**
 * The host is a follower, and its leader does not know it any more.
 * @returns undefined if these subscriptions missed nothing
 */
export function gapBeyond(
  missed: MissedKinds,
  unnamed: readonly SubscriptionRequest[],
  named: readonly SubscriptionRequest[],
): GapError | undefined {
  const concerned = unnamed.filter(({ from }) => (from === undefined ? missed.live : missed.replayed))
  // An actor's mailbox is at the actor's own host, so it lost nothing.
  const lost = missed.named ? named.filter(({ name = '' }) => !isOwnMailbox(name)) : []
  return concerned.length + lost.length === 0 ? undefined : gapError(concerned, lost, NOT_KNOWN_BEYOND)
}

function some(texts: readonly string[]): string {
  return `${texts.slice(0, MOST_NAMED).join(', ')}${texts.length > MOST_NAMED ? ', …' : ''}`
}
