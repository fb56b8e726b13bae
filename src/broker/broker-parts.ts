import { Reports } from '../bus/reports.js'
import { BrokerCounters } from './broker-counters.js'
import { DrainWaiter } from './clock/drain-waiter.js'
import { Timers } from './clock/timers.js'
import { DeadLetterHandler } from './dead-letters/dead-letter-handler.js'
import { openJournal } from './durable/journal.js'
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
import { SubscriptionServices } from './subscription-services.js'

/** The parts of a LocalBroker. */
export interface BrokerParts {
  readonly options: LocalBrokerOptions
  readonly reports: Reports
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
}

/** Makes the parts of a LocalBroker, each with the parts that it works on. */
export function brokerParts(options: LocalBrokerOptions): BrokerParts {
  const reports = new Reports()
  const timers = new Timers(options.scheduler)
  const messages = new MessageFactory(options.wallClock)
  const registry = new Registry((...subscription) => makeSubscription(...subscription), options)
  const dispatcher = new Dispatcher(
    { drained: () => drainWaiter.check() },
    options.soon ?? (run => queueMicrotask(run)),
  )
  const drainWaiter = new DrainWaiter(
    () => dispatcher.isDrained,
    () => registry.all(),
    subscription => subscription.countInto(counters.past),
  )
  const allSubscriptions = () => [...registry.all(), ...drainWaiter.lingering]
  const drainIntake = new DrainIntake({
    subscriptions: allSubscriptions,
    isHandingOver: () => dispatcher.isBusy,
  })
  const lifetime = new Lifetime(() => dispatcher.isBusy || drainWaiter.inFlight() > 0)
  const counters = new BrokerCounters({
    before: options.counted,
    published: () => dispatcher.published,
    subscriptions: allSubscriptions,
  })
  const system = new SystemTopics({ registry, dispatcher, messages, lifetime })
  const deadLetterOwner = {
    checkOpen: () => lifetime.checkOpen(),
    report: reports.report.bind(reports),
    publish: system.publish.bind(system),
    dropped: () => (counters.past.dropped += 1),
  }
  const deadLetters = new DeadLetterHandler(deadLetterOwner, registry, messages, options)
  // Not spread from one to the next: each copy would have a hidden class of its own, and there is one of each for each van.
  const owner = new SubscriptionServices({
    options,
    timers,
    messages,
    lifetime,
    registry,
    dispatcher,
    deadLetters,
    drainWaiter,
    reports,
  })
  const makeSubscription = storing(owner, options)
  const journal = openJournal(owner, registry.routes, options.durableLog)
  const endings = new Endings({
    after: (delay, run) => timers.after(delay, run),
    kept: () => options.durableLog?.kept(),
  })
  const subscriptions = new Subscriptions({
    registry,
    owner,
    dispatcher,
    deadLetters,
    endings,
    counters,
    lifetime,
    hasStore: journal !== undefined,
  })
  const router = new Router({ options, registry, dispatcher, lifetime, drainIntake, journal })
  const relays = new Relays(registry.routes, owner, router)
  const transfer = new Transfer({ registry, subscriptions, deadLetters, endings, counters, lifetime })
  const memory = new WaitingMemory({
    budget: options.budget ?? new ByteBudget(Infinity),
    soon: options.soon ?? (run => queueMicrotask(run)),
    separate: separator => {
      for (const subscription of [...allSubscriptions(), ...endings.unfinished])
        subscription.separate(separator)
      relays.separate(separator)
    },
  })
  return {
    options,
    reports,
    timers,
    messages,
    registry,
    dispatcher,
    drainWaiter,
    drainIntake,
    lifetime,
    counters,
    system,
    deadLetters,
    endings,
    subscriptions,
    router,
    relays,
    transfer,
    memory,
  }
}
