import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Waiting } from '../../bus/drain-timeout.js'
import type { Inbox } from './inbox.js'

type Counted = Pick<Inbox, 'request' | 'inHand' | 'retrying'>

/** Subscriptions with messages that were handed out and not settled. */
export function unsettledOf(
  inboxes: readonly Counted[],
): { readonly rules: SubscriptionRequest; readonly inFlight: number }[] {
  return inboxes
    .filter(({ inHand }) => inHand > 0)
    .map(({ request, inHand }) => ({ rules: request, inFlight: inHand }))
}

/** Subscriptions with failed messages that end with this bus, before their next attempt. */
export function waitingOf(inboxes: readonly Counted[]): Waiting[] {
  return inboxes
    .filter(({ retrying }) => retrying > 0)
    .map(({ request, retrying }) => ({ rules: request, count: retrying, retrying }))
}
