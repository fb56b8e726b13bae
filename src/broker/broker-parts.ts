import type { MsgvanError } from '../errors.js'
import type { Envelope } from '../message/envelope.js'
import { leftByDrain, leftDelayed } from '../bus/drain-timeout.js'
import { Reports } from '../bus/reports.js'
import { BrokerCounters } from './broker-counters.js'
import { DrainWaiter } from './lifecycle/drain-waiter.js'
import { Timers } from './clock/timers.js'
import { DEFAULT_DEDUPE_MS, RuledPublisher } from './delayed/ruled-publisher.js'
import { DeadLetterHandler } from './dead-letters/dead-letter-handler.js'
import { openJournal } from './durable/journal.js'
import { StoredEnvelope } from './durable/stored-envelope.js'
import { storing } from './durable/stored-subscription.js'
import { DrainIntake } from './lifecycle/drain-intake.js'
import { Endings } from './lifecycle/endings.js'
import { Lifetime } from './lifecycle/lifetime.js'
import { Registry } from './lifecycle/registry.js'
import { Subscriptions } from './lifecycle/subscriptions.js'
import { Transfer } from './lifecycle/transfer.js'
import type { LocalBrokerOptions } from './local-broker-options.js'
import { ByteBudget } from './memory/byte-budget.js'
import { WaitingMemory } from './memory/waiting-memory.js'
import { Dispatcher } from './routing/dispatcher.js'
import { MessageFactory } from './routing/message-factory.js'
import { Relays } from './routing/relays.js'
import { Router } from './routing/router.js'
import { SystemTopics } from './routing/system-topics.js'
import { States } from './state/states.js'
import type { Subscription } from './subscription/subscription.js'
import { SubscriptionServices } from './subscription-services.js'

/** The parts of a LocalBroker, each with the parts that it works on. */
export class BrokerParts {
  readonly reports = new Reports()
  readonly timers: Timers
  readonly messages: MessageFactory
  readonly registry: Registry
  readonly dispatcher: Dispatcher
  readonly drainWaiter: DrainWaiter
  readonly drainIntake: DrainIntake
  readonly lifetime: Lifetime
  readonly counters: BrokerCounters
  readonly system: SystemTopics
  readonly deadLetters: DeadLetterHandler
  readonly endings: Endings
  readonly subscriptions: Subscriptions
  readonly router: Router
  readonly relays: Relays
  readonly transfer: Transfer
  readonly memory: WaitingMemory
  readonly states: States
  #ruled: RuledPublisher | undefined

  constructor(readonly options: LocalBrokerOptions) {
    const { scheduler, wallClock, durableLog, soon = (run: () => void) => queueMicrotask(run) } = options
    this.timers = new Timers(scheduler)
    this.messages = new MessageFactory(wallClock, options.publisherPrefix)
    const registry = (this.registry = new Registry((...of) => makeSubscription(...of), options))
    this.dispatcher = new Dispatcher({ drained: () => this.drainWaiter.check() }, soon)
    this.drainWaiter = this.#newDrainWaiter()
    this.drainIntake = new DrainIntake({
      subscriptions: () => this.#allSubscriptions(),
      isDispatching: () => this.dispatcher.isBusy,
    })
    this.lifetime = new Lifetime(() => this.dispatcher.isBusy || this.drainWaiter.inFlight() > 0)
    this.counters = new BrokerCounters({
      before: options.counted,
      published: () => this.dispatcher.published,
      subscriptions: () => this.#allSubscriptions(),
    })
    this.system = new SystemTopics(this)
    this.deadLetters = this.#newDeadLetters()
    // Not spread: each copy would have a hidden class of its own, and there is one for each van.
    const owner = new SubscriptionServices(this)
    const makeSubscription = storing(owner, options)
    const journal = openJournal(owner, registry.routes, durableLog)
    this.endings = new Endings({
      after: (delay, run) => this.timers.after(delay, run),
      kept: () => durableLog?.kept(),
    })
    const { dispatcher, deadLetters, endings, counters, lifetime, drainIntake } = this
    this.subscriptions = new Subscriptions({
      ...{ registry, owner, dispatcher, deadLetters, endings, counters, lifetime },
      hasStore: journal !== undefined,
    })
    const memory = (this.memory = this.#newMemory(soon))
    this.router = new Router({ options, registry, dispatcher, lifetime, drainIntake, journal, memory })
    this.relays = new Relays(registry.routes, owner, this.router)
    this.transfer = new Transfer(this)
    this.states = new States({
      ...{ system: this.system, lifetime, compile: options.compile },
      ...{ keeper: options.stateKeeper, wrapNews: options.wrapNews },
    })
  }

  /** Made with the first such publish, or when a store or a hand-over may have some: most vans have none. */
  get ruled(): RuledPublisher {
    return (this.#ruled ??= this.#newRuled())
  }

  /** Undefined: no message was delayed, and no id given. */
  get madeRuled(): RuledPublisher | undefined {
    return this.options.durableLog === undefined ? this.#ruled : this.ruled
  }

  /** No subscription, no state, no dead letter, no delayed message, and no message for another host. */
  get isIdle(): boolean {
    const { registry, deadLetters, endings, relays, madeRuled, states } = this
    const left = registry.size + deadLetters.size + endings.size + states.size
    return left === 0 && madeRuled?.isIdle !== false && relays.isIdle
  }

  /** Rejects the publishes that wait for room. */
  refuseHeld(error: MsgvanError): void {
    for (const subscription of this.registry.all()) subscription.refuseHeld(error)
    this.relays.refuseHeld(error)
    this.memory.refuseHeld(error)
  }

  /** After a drain: reports the messages that end with the broker. */
  reportLeft(): void {
    const { drainIntake, madeRuled, reports, options } = this
    if (drainIntake.left > 0) reports.report(leftByDrain(drainIntake.left))
    const { count } = madeRuled?.agenda ?? { count: 0 }
    if (count > 0 && options.durableLog === undefined) reports.report(leftDelayed(count))
  }

  /** Those included that ended and still settle. */
  #allSubscriptions(): Subscription[] {
    return [...this.registry.all(), ...this.drainWaiter.lingering]
  }

  #newDrainWaiter(): DrainWaiter {
    return new DrainWaiter(
      () => this.dispatcher.isDrained,
      () => this.registry.all(),
      subscription => subscription.countInto(this.counters.past),
    )
  }

  #newRuled(): RuledPublisher {
    const { timers, options, lifetime, router, memory, registry } = this
    const { wallClock = Date.now, publisherPrefix = '', dedupe = DEFAULT_DEDUPE_MS, durableLog } = options
    const inLog = (envelope: Envelope): Envelope =>
      durableLog === undefined ? envelope : StoredEnvelope.of(envelope)
    return new RuledPublisher({
      ...{ timers, wallClock, publisherPrefix, dedupe },
      keeper: durableLog?.rules,
      refuses: () => lifetime.refuses,
      isFull: () => memory.isFull,
      used: bytes => memory.used(bytes),
      accept: envelope => router.accept(inLog(envelope), registry.routes.match(envelope.topic)),
      acceptDue: envelope => router.acceptDue(inLog(envelope)),
    })
  }

  #newMemory(soon: (run: () => void) => void): WaitingMemory {
    return new WaitingMemory({
      budget: this.options.budget ?? new ByteBudget(Infinity),
      soon,
      separate: separator => {
        for (const subscription of [...this.#allSubscriptions(), ...this.endings.unfinished])
          subscription.separate(separator)
        this.relays.separate(separator)
      },
    })
  }

  #newDeadLetters(): DeadLetterHandler {
    const { lifetime, reports, system, counters, registry, messages, options } = this
    const owner = {
      checkOpen: () => lifetime.checkOpen(),
      report: reports.report.bind(reports),
      publish: system.publish.bind(system),
      dropped: () => (counters.past.dropped += 1),
    }
    return new DeadLetterHandler(owner, registry, messages, options)
  }
}
