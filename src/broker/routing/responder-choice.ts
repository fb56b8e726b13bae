import type { Subscription } from '../subscription/subscription.js'
import { Gate } from './gate.js'

/**
 * Chooses one of the subscriptions that match a request. A responder at this host comes before those of other hosts, one
 * that is cut off after them, and one without room last. Among equals the one with the least work gets it, in turn.
 */
export class ResponderChoice {
  #turn = 0

  among(targets: readonly Subscription[]): readonly Subscription[] {
    let best: Subscription | undefined
    let least = Infinity
    this.#turn += 1
    for (let step = 0; step < targets.length; step += 1) {
      const target = targets[(this.#turn + step) % targets.length]
      if (target === undefined || target instanceof Gate) continue
      const load = loadOf(target)
      if (load >= least) continue
      best = target
      least = load
    }
    return best === undefined ? [] : [best]
  }
}

/** More than any work that a subscription may hold. */
const STEP = 2 ** 40

function loadOf(target: Subscription): number {
  const work = target.pending + target.inFlight + target.queued
  if (target.isFull) return 3 * STEP + work
  // A relay to another host has no id.
  if (target.id === '') return STEP + work
  return target.isAttended ? work : 2 * STEP + work
}
