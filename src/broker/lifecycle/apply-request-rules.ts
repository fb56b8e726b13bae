import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { areSameRules, differingRules } from '../../bus/contract/rules.js'
import { rulesDiffer } from '../refusals.js'
import type { Subscription } from '../subscription/subscription.js'

/**
 * A subscriber joins a name that exists. Without other consumers, the subscription takes its rules from the request. With
 * others, each rule that the request gives must equal the rule in force.
 *
 * @throws NameTakenError
 */
export function applyRequestRules(subscription: Subscription, request: SubscriptionRequest): void {
  const { joins, given = [] } = request
  if (joins === 'keep') return
  if (joins === 'replace' || !subscription.isAttended) {
    if (!areSameRules(subscription.rules, request)) subscription.rules = request
    return
  }
  const differing = differingRules(subscription.rules, request, given)
  if (differing.length > 0) throw rulesDiffer(subscription, request, differing)
}
