import type { SubscriptionStatus } from '../../bus/contract/status.js'
import { describePattern } from '../../message/pattern.js'
import type { SubscriptionCore } from './subscription-core.js'

/** One subscription, as the status of a van shows it. */
export function subscriptionStatus(subscription: SubscriptionCore): SubscriptionStatus {
  const { id, rules, counts, members, pending, pendingBytes, held, inFlight, backlog } = subscription
  const { delivered, acked, failed, redelivered, deadLettered, dropped } = counts
  return {
    id,
    ...(rules.name === undefined ? {} : { name: rules.name }),
    pattern: describePattern(rules.pattern),
    ...(rules.match === undefined ? {} : { match: rules.match }),
    consumers: members.size,
    pending,
    pendingBytes,
    held,
    inFlight,
    delivered,
    acked,
    failed,
    redelivered,
    deadLettered,
    dropped,
    pausing: backlog.isHolding,
    ...(rules.paused === true ? { paused: true } : {}),
  }
}
