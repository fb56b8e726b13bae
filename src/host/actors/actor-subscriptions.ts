import type { Consumed } from '../../workers/worker-messages.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import { describe } from '../../errors.js'
import { optionOf } from '../../message/order/ordered.js'
import { decodeRequest, encodeRequest } from '../../wire/frames/subscription-request.js'
import type { NamedRequest } from '../van/names-file.js'

/** The named subscriptions that actors of a host consume, by actor. */
export class ActorSubscriptions {
  readonly #byActor = new Map<string, Map<string, SubscriptionRequest>>()

  of(actor: string): ReadonlyMap<string, SubscriptionRequest> {
    return this.#byActor.get(actor) ?? new Map<string, SubscriptionRequest>()
  }

  add(actor: string, name: string, request: SubscriptionRequest): void {
    const own = this.#byActor.get(actor) ?? new Map<string, SubscriptionRequest>()
    this.#byActor.set(actor, own.set(name, request))
  }

  /**
   * Adds those that the actor had in the previous host. It logs those that this version cannot use.
   *
   * @returns the usable ones
   */
  restore(actor: string, encoded: readonly unknown[], warn: (text: string) => void): NamedRequest[] {
    for (const each of encoded) {
      try {
        const request = decodeRequest(each)
        if (request.name !== undefined) this.add(actor, request.name, { ...request, from: undefined })
      } catch (error) {
        warn(`a subscription of actor ${actor} is gone: ${describe(error)}`)
      }
    }
    return this.named(actor)
  }

  remove(actor: string, name: string): boolean {
    return this.#byActor.get(actor)?.delete(name) ?? false
  }

  forget(actor: string): void {
    this.#byActor.delete(actor)
  }

  named(actor: string): NamedRequest[] {
    return [...this.of(actor)].map(([name, rules]) => ({ ...rules, name }))
  }

  /** For the store. */
  encoded(actor: string): unknown[] {
    return this.named(actor).map(encodeRequest)
  }

  /** For the actor's worker. */
  consumed(actor: string): Consumed[] {
    return [...this.of(actor)].map(([name, request]) => consumedOf(name, request))
  }
}

/** A named subscription for a worker. It has no functions, which cannot cross. */
export function consumedOf(name: string, request: SubscriptionRequest): Consumed {
  const { pattern, prefetch, attempts, ackTimeout, maxPending, maxPendingBytes } = request
  const delay = typeof request.delay === 'number' ? { delay: request.delay } : {}
  return {
    name,
    pattern,
    options: {
      ordered: optionOf(request.ordered),
      ...{ prefetch, attempts, ackTimeout, maxPending, maxPendingBytes },
      ...delay,
    },
  }
}
