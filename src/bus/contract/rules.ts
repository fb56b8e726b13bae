import type { RetryDelay } from '../../message/retry-delay.js'
import { RULES, type Rule, type SubscriptionRequest } from './subscription-request.js'

type Rules = Pick<SubscriptionRequest, Rule>

/** The rules that differ. Functions are not compared: they stay in the process that gave them. */
export function differingRules(rules: Rules, asked: Rules, among: readonly Rule[]): Rule[] {
  return among.filter(rule => {
    if (rule !== 'delay') return rules[rule] !== asked[rule]
    return typeof asked.delay !== 'function' && !isSameDelay(rules.delay, asked.delay)
  })
}

/** The change would have no effect. */
export function areSameRules(rules: Rules, others: Rules): boolean {
  return RULES.every(rule =>
    rule === 'delay' ? isSameDelay(rules.delay, others.delay) : rules[rule] === others[rule],
  )
}

/** A rule as text. */
export function shownRule(rules: Rules, rule: Rule): string {
  const value = rules[rule]
  return typeof value === 'function' ? `${rule} by a function` : `${rule} ${JSON.stringify(value)}`
}

function isSameDelay(delay: RetryDelay, other: RetryDelay): boolean {
  if (typeof delay !== 'object' || typeof other !== 'object') return delay === other
  return delay.length === other.length && delay.every((each, at) => each === other[at])
}
