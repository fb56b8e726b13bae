/** msgvan's public API, by name. `msgvan/client` and `msgvan/operators` are the only other exports. */
export { van } from './van.js'
export type { VanOptions } from './van-options.js'

export type { AnyTopics, Bus, ObserveOptions, ReadyOptions, Topics } from './bus/contract/bus.js'
export type { AnyServices, Reply, ReplyOptions, RequestOptions, Services } from './bus/contract/services.js'
export type { BusState, CloseOptions } from './bus/contract/broker.js'
export type { Expired, Overflow, Rate } from './bus/contract/subscription-request.js'
export type { RetryDelay } from './message/retry-delay.js'
export type { DeadLetter, DeadLetterFilter, DeadLetters } from './bus/contract/dead-letters.js'
export { Actor, defineActor } from './workers/definition/actor.js'
export type {
  ActorBehaviour,
  ActorContext,
  ActorDefinition,
  ChildExit,
  DefinedActor,
  ExitReason,
} from './workers/definition/actor.js'
export type { Requirements } from './workers/definition/requirements.js'
export { ActorRef, type ActorAddress, type AskOptions } from './bus/contract/actor-ref.js'
export type { ActorOptions, Actors, CapabilityValues, Isolation } from './bus/contract/actors.js'
export type {
  DeliverNext,
  Middleware,
  MiddlewareChanges,
  MiddlewareKind,
  OutgoingMessage,
  PublishNext,
} from './bus/middleware/middleware.js'
export type { SharedState } from './bus/contract/control.js'
export type { HostEvent } from './bus/contract/hosts.js'
export type { Messages } from './bus/topic/messages.js'
export { moduleRef, type ModuleRef } from './bus/contract/module-ref.js'
export type { HandlerOptions, PublishOptions, TopicOptions } from './bus/contract/options.js'
export type {
  ActorStatus,
  Counters,
  DelayedStatus,
  HandlerStatus,
  HostStatus,
  LogStatus,
  MemoryStatus,
  SubscriptionStatus,
  VanStatus,
} from './bus/contract/status.js'
export type { DisposableSubscription } from './bus/ending/disposable.js'
export { fromReadable } from './bus/loop/from-readable.js'
export { BusSubject } from './bus/topic/subject.js'
export type { Headers } from './message/envelope.js'
export { Message, type MessageFields } from './message/message.js'
export type { OrderedOption } from './message/order/ordered.js'
export type { ReplayFrom } from './message/replay.js'
export { mqtt } from './message/wildcards/mqtt.js'
export { wildcard } from './message/wildcards/wildcard.js'
export { version } from './version.js'

export * from './operators/index.js'
export * from './public-errors.js'
export type { Logger } from './log/logger.js'
export type { LevelMethods } from './log/log.js'
