import type { Item } from './backlog/item.js'
import { KeyLanes } from './backlog/key-lanes.js'
import type { SubscriptionCore } from './subscription-core.js'

/** Gives a subscription the order of its rules, whatever its consumers have in hand. */
export function orderAnew({ backlog, members, owner, rules }: SubscriptionCore): void {
  const keyOf = owner.keyReader?.(rules)
  if (keyOf === undefined) {
    if (backlog.lanes !== undefined) backlog.reorder(undefined)
    return
  }
  const lanes = new KeyLanes(keyOf, item => backlog.isUncounted(item))
  backlog.reorder(lanes)
  for (const member of members.all())
    for (const { envelope } of member.open?.items() ?? []) lanes.hold(envelope)
  for (const { envelope } of backlog.retries?.items() ?? []) lanes.hold(envelope)
}

/** The key of a message is busy: the message waits for it. */
export function park(subscription: SubscriptionCore, item: Item): void {
  subscription.backlog.lanes?.park(item)
  subscription.waitsForKey?.(item.envelope)
}

/** The maker of the subscription may not see this message. */
export function bar(subscription: SubscriptionCore, item: Item): void {
  subscription.gone?.(item)
  subscription.backlog.release(item.envelope, 0)
}
