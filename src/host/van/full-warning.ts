import type { Subscription } from '../../broker/subscription/subscription.js'

/** The shortest time between two warnings about one slow subscription. */
const WARN_EVERY_MS = 60_000

/** Warns about full subscriptions of a van, now and then about one that is full again and again. */
export function warnOfFull(
  van: string,
  warn: ((text: string) => void) | undefined,
): (subscription: Subscription) => void {
  const warnedAt = new WeakMap<Subscription, number>()
  return subscription => {
    const now = performance.now()
    if (now - (warnedAt.get(subscription) ?? -Infinity) < WARN_EVERY_MS) return
    warnedAt.set(subscription, now)
    const { members, pending, pendingBytes } = subscription
    const who = members.size === 0 ? 'has no consumer' : `has ${members.size} consumers that are too slow`
    warn?.(
      `van ${van}: the subscription ${subscription.key} is full (${pending} messages, ${pendingBytes} bytes) and ${who}: ` +
        'publishers wait for it',
    )
  }
}
