import type { SubscriptionRequest } from '../bus/contract/subscription-request.js'
import { areSameRules, differingRules } from '../bus/contract/rules.js'
import { rulesDiffer } from './refusals.js'
import type { Subscription } from './subscription/subscription.js'

/**
 * A subscriber joins a name that is there. With nobody attached, what it asks for holds from now on; with others attached, what it
 * gave must be what holds.
 *
 * @throws NameTakenError
 */
export function agree(subscription: Subscription, request: SubscriptionRequest): void {
  const { joins, given = [] } = request
  if (joins === 'keep') return
  if (joins === 'replace' || !subscription.isAttended) {
    if (!areSameRules(subscription.rules, request)) subscription.rules = request
    return
  }
  const differing = differingRules(subscription.rules, request, given)
  if (differing.length > 0) throw rulesDiffer(subscription, request, differing)
}
