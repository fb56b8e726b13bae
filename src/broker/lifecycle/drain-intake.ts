import { messageInHand } from '../../message/in-hand.js'
import { isSystemTopic } from '../../message/topic.js'
import type { Subscription } from '../subscription/subscription.js'

export interface DrainIntakeOptions {
  /** All of them, those included that ended and still settle. */
  readonly subscriptions: () => Iterable<Subscription>
  /** A delivery is running. */
  readonly isDispatching: () => boolean
}

/** What a drain has seen of one subscription. */
interface Intake {
  /** The first order of step 1, of step 2, and so on. Smaller orders are step 0: published before `close()`. */
  readonly steps: number[]
  /** Messages that it may still take while only its own deliveries are in hand. */
  own: number
}

/**
 * Decides which messages a drain waits for. A publish inside a delivery comes from a handler. Any other may come from a
 * handler after an `await`, or from a timer, which must not keep the bus open: it counts as one step after the earliest
 * message of another subscription that is not settled. A subscription whose own deliveries alone are in hand takes one
 * more message for each of them.
 */
export class DrainIntake {
  readonly #options: DrainIntakeOptions
  readonly #intakes = new Map<Subscription, Intake>()
  #mostSteps = 0
  /** Messages that the drain left behind. */
  #left = 0

  constructor(options: DrainIntakeOptions) {
    this.#options = options
  }

  get left(): number {
    return this.#left
  }

  /** Everything so far is step 0. */
  begin(): void {
    for (const each of this.#options.subscriptions())
      this.#intakes.set(each, {
        steps: [each.state.nextOrder],
        own: each.inFlight + (each.isAttended ? each.ready : 0),
      })
    // The longest chain of handlers that does not come back to where it began.
    this.#mostSteps = this.#intakes.size - 1
  }

  /** The targets that still get this message. */
  admit(topic: string, targets: readonly Subscription[]): readonly Subscription[] {
    if (this.#options.isDispatching() || messageInHand() !== undefined || isSystemTopic(topic)) return targets
    const admitted = targets.filter(target => target.members.all().length === 0 || this.#takes(target))
    if (admitted.length < targets.length) this.#left += 1
    return admitted
  }

  #takes(target: Subscription): boolean {
    const intake = this.#intakes.get(target)
    if (intake === undefined) return true
    const step = this.#stepAt(target) + 1
    if (step <= this.#mostSteps) {
      while (intake.steps.length < step) intake.steps.push(target.state.nextOrder)
      return true
    }
    if (intake.own === 0) return false
    intake.own -= 1
    return true
  }

  /** The step of the earliest message in hand of other subscriptions. */
  #stepAt(target: Subscription): number {
    let least = Infinity
    for (const other of this.#options.subscriptions()) {
      if (other === target) continue
      const order = earliest(other)
      if (order === undefined) continue
      const { steps = [] } = this.#intakes.get(other) ?? {}
      least = Math.min(least, steps.filter(first => first <= order).length)
    }
    return least
  }
}

/** The order of its earliest message in hand. */
function earliest({ members }: Subscription): number | undefined {
  const orders = members.all().flatMap(member => [...(member.open?.items() ?? [])].map(({ order }) => order))
  return orders.length === 0 ? undefined : orders.reduce((least, order) => Math.min(least, order))
}
