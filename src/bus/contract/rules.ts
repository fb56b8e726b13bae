import type { RetryDelay } from '../../message/retry-delay.js'
import { haveSameOwner } from './sight.js'
import { isSameMatch } from '../../message/headers.js'
import { RULES, type Rate, type Rule, type SubscriptionRequest } from './subscription-request.js'

type Rules = Pick<SubscriptionRequest, Rule>

/** The rules that differ. Functions are not compared: they stay in the process that gave them. */
export function differingRules(rules: Rules, asked: Rules, among: readonly Rule[]): Rule[] {
  const isFunction = (rule: Rule): boolean => typeof asked[rule] === 'function'
  return among.filter(rule => !isFunction(rule) && !isSame(rule, rules, asked))
}

/** The change would have no effect. */
export function areSameRules(rules: Rules, others: Rules): boolean {
  return RULES.every(rule => isSame(rule, rules, others))
}

function isSame(rule: Rule, rules: Rules, others: Rules): boolean {
  if (rule === 'delay') return isSameDelay(rules.delay, others.delay)
  if (rule === 'match') return isSameMatch(rules.match, others.match)
  if (rule === 'rate') return isSameRate(rules.rate, others.rate)
  return rules[rule] === others[rule]
}

function isSameRate(rate: Rate | undefined, other: Rate | undefined): boolean {
  return rate?.messages === other?.messages && rate?.per === other?.per
}

/**
 * New rules for a subscription that exists. Its maker stays the maker: what the maker may see is for consumers of others,
 * too. A paused name stays paused.
 */
export function renewedRules(before: SubscriptionRequest, rules: SubscriptionRequest): SubscriptionRequest {
  const { incarnation, principal } = before
  const sight = haveSameOwner(rules, before) ? rules.sight : before.sight
  const servedSince = rules.servedSince ?? before.servedSince
  const kept = { incarnation, principal, sight, servedSince, paused: rules.paused ?? before.paused }
  const isSame = (Object.keys(kept) as (keyof typeof kept)[]).every(key => rules[key] === kept[key])
  return isSame ? rules : { ...rules, ...kept }
}

/** A rule as text. */
export function shownRule(rules: Rules, rule: Rule): string {
  const value = rules[rule]
  if (value === undefined) return rule === 'expired' ? 'expired "dead"' : `no ${rule}`
  return typeof value === 'function' ? `${rule} by a function` : `${rule} ${JSON.stringify(value)}`
}

function isSameDelay(delay: RetryDelay, other: RetryDelay): boolean {
  if (typeof delay !== 'object' || typeof other !== 'object') return delay === other
  return delay.length === other.length && delay.every((each, at) => each === other[at])
}
