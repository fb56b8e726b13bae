import { areSameSights, haveSameOwner } from '../../bus/contract/sight.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { areSameRules, differingRules } from '../../bus/contract/rules.js'
import { rulesDiffer } from '../refusals.js'
import type { Subscription } from '../subscription/subscription.js'

/**
 * A subscriber joins a name that exists. Without other consumers, the subscription takes its rules from the request. With
 * others, each rule that the request gives must equal the rule in force. What its maker may see is as the maker's host says.
 *
 * @throws NameTakenError
 */
export function applyRequestRules(subscription: Subscription, request: SubscriptionRequest): void {
  const { joins, given = [], sight } = request
  if (haveSameOwner(subscription.rules, request) && !areSameSights(subscription.rules.sight, sight))
    subscription.renewSight(sight)
  if (joins === 'keep') return
  if (joins === 'replace' || !subscription.isAttended) {
    if (!areSameRules(subscription.rules, request)) subscription.rules = request
    return
  }
  const differing = differingRules(subscription.rules, request, given)
  if (differing.length > 0) throw rulesDiffer(subscription, request, differing)
}
