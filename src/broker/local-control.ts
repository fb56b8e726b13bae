import { noActors } from '../bus/actors/no-actors.js'
import type { Control } from '../bus/contract/control.js'
import type { DeadLetterView } from './dead-letters/dead-letter-view.js'
import type { HostStatus, VanStatus } from '../bus/contract/status.js'
import type { RuledPublisher } from './delayed/ruled-publisher.js'
import type { DrainWaiter } from './lifecycle/drain-waiter.js'
import type { DeadLetterHandler } from './dead-letters/dead-letter-handler.js'
import type { LocalBrokerOptions } from './local-broker-options.js'
import { closedError, noHandlersHere } from './refusals.js'
import type { BrokerCounters } from './broker-counters.js'
import type { Lifetime } from './lifecycle/lifetime.js'
import type { Registry } from './lifecycle/registry.js'
import type { Subscriptions } from './lifecycle/subscriptions.js'
import type { States } from './state/states.js'
import { subscriptionStatus } from './subscription/subscription-status.js'

/** The parts of a LocalBroker that its Control works on. */
export interface LocalControlOwner {
  readonly options: Pick<LocalBrokerOptions, 'van' | 'hostStatus' | 'durableLog'>
  readonly registry: Registry
  readonly subscriptions: Subscriptions
  readonly deadLetters: DeadLetterHandler
  readonly drainWaiter: DrainWaiter
  readonly lifetime: Lifetime
  readonly counters: BrokerCounters
  readonly ruled: RuledPublisher
  readonly madeRuled: RuledPublisher | undefined
  readonly states: States
}

/** The Control of a LocalBroker. It starts neither handlers nor actors: a host does. */
export class LocalControl implements Control {
  readonly actors = noActors
  readonly states: States
  readonly #owner: LocalControlOwner

  constructor(owner: LocalControlOwner) {
    this.#owner = owner
    this.states = owner.states
  }

  status(): Promise<VanStatus> {
    const { options, registry, drainWaiter } = this.#owner
    if (this.#owner.lifetime.isClosed) return Promise.reject(closedError())
    const host = options.hostStatus()
    const { count = 0, bytes = 0 } = this.#owner.madeRuled?.agenda ?? {}
    // An unnamed subscription whose consumer took messages along stays until these are settled.
    const lingering = [...drainWaiter.lingering].filter(({ inFlight }) => inFlight > 0)
    const subscriptions = [...registry.all(), ...lingering].map(subscriptionStatus)
    return Promise.resolve({
      van: options.van,
      host,
      hosts: [host],
      subscriptions,
      actors: [],
      counters: this.#owner.counters.all,
      delayed: { messages: count, bytes },
      ...(options.durableLog === undefined ? {} : { log: options.durableLog.extent }),
    })
  }

  hosts(): Promise<HostStatus[]> {
    return Promise.resolve([this.#owner.options.hostStatus()])
  }

  deadLetters(): DeadLetterView {
    return this.#owner.deadLetters.view()
  }

  unsubscribe(name: string): Promise<boolean> {
    if (this.#owner.lifetime.isClosed) return Promise.reject(closedError())
    const subscription = this.#owner.registry.byName(name)
    if (subscription === undefined) return Promise.resolve(false)
    this.#owner.subscriptions.remove(subscription, true)
    return Promise.resolve(true)
  }

  pause(name: string, isPaused: boolean): Promise<boolean> {
    if (this.#owner.lifetime.isClosed) return Promise.reject(closedError())
    const subscription = this.#owner.registry.byName(name)
    subscription?.pause(isPaused)
    return Promise.resolve(subscription !== undefined)
  }

  cancel(id: string): Promise<boolean> {
    if (this.#owner.lifetime.isClosed) return Promise.reject(closedError())
    return Promise.resolve(this.#owner.ruled.cancel(id))
  }

  subscribeHandler(): Promise<void> {
    return Promise.reject(noHandlersHere())
  }
}
