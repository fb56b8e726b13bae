import type { Observable, ObservableInput, Subscription } from 'rxjs'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { Message } from '../../message/message.js'
import type { BusState, CloseOptions } from './broker.js'
import type { ActorAddress } from './actor-ref.js'
import type { BusSubject } from '../topic/subject.js'
import type { Actors } from './actors.js'
import type { DeadLetters } from './dead-letters.js'
import type { HostEvent } from './hosts.js'
import type { ModuleRef } from './module-ref.js'
import type { PublishOptions, TopicOptions } from './options.js'
import type { VanStatus } from './status.js'

/** What an app says of its topics: `interface MyTopics { 'orders.created': Order }`, given as `van<MyTopics>()`. */
export type Topics = object

/** No topic is typed: every payload is `unknown` until the caller says otherwise. */
export interface AnyTopics {
  [topic: string]: unknown
}

/** The topics an app listed; none of an index signature, which would take `topic<string>('t')` for a topic's name. */
type TopicName<T> = string extends keyof T ? never : Extract<keyof T, string>
/** Topics the app did not list are open: their payload is `unknown`. */
type PayloadOf<T, K extends string> = K extends keyof T ? T[K] : unknown
type Publication<K, P> = { topic: K; headers?: Headers } & (undefined extends P
  ? { payload?: P }
  : { payload: P })
type MaybePayload<P> = undefined extends P
  ? [payload?: P, options?: PublishOptions]
  : [payload: P, options?: PublishOptions]

/**
 * What an app holds: its handle on one van.
 *
 * @example
 * const bus = van({ embedded: true })
 * bus.topic(/^orders\./).subscribe(message => console.log(message.topic, message.payload))
 * await bus.publish('orders.created', { id: 7 })
 * await bus.close()
 */
export interface ReadyOptions {
  /** How long it waits, in milliseconds. Default: 30,000 for this machine's host to be there, 10,000 with `connect`; no limit once it is connected. */
  timeout?: number
  /** Ends the wait with its reason. The bus goes on. */
  signal?: AbortSignal
}

export interface Bus<T extends Topics = AnyTopics> {
  /** The van's name. */
  readonly name: string

  /** Replays the current state; completes after `'closed'`. */
  readonly state$: Observable<BusState>

  /**
   * What no call could report: a subscriber that threw, a session lost, a host that refuses. Hot, and never an error of
   * its own. Each failure is reported once.
   */
  readonly errors$: Observable<MsgvanError>

  /**
   * Resolves when the bus is connected and all that it asked for so far is in force: every message published from then
   * on, by whomever, reaches the subscriptions made before the call.
   *
   * @throws ClosedError, AuthError, VersionMismatchError, HostUnreachableError, TimeoutError; the reason of `signal`
   */
  ready(options?: ReadyOptions): Promise<void>

  /**
   * Every message whose topic matches, whoever published it. Cold: each `subscribe()` registers a subscription of its
   * own (or joins the one called `options.name`), unsubscribing removes it. Completes on `close()`; a lost connection is
   * no error. An error in the pipeline fails the message that caused it, and stock `retry()` gets that message again first.
   *
   * @param pattern a RegExp, matched as `RegExp.test` does (anywhere unless anchored; `g` and `y` are ignored), or a
   *   string: that one exact topic. Topics that begin with `$` need a pattern that begins with `^\$`.
   * @throws InvalidPatternError, InvalidOptionError at once. What only the van can refuse (a name taken) errors the Observable.
   */
  topic<K extends TopicName<T>>(topic: K, options?: TopicOptions<T[K]>): Observable<Message<PayloadOf<T, K>>>
  topic<S extends StandardSchemaV1>(
    pattern: RegExp | string,
    options: Omit<TopicOptions, 'schema'> & { schema: S },
  ): Observable<Message<StandardSchemaV1.InferOutput<S>>>
  topic<P = unknown>(pattern: RegExp | string, options?: TopicOptions<P>): Observable<Message<P>>

  /**
   * Resolves when the van has taken the message over: from then on the van owes it to every matching subscription.
   * While disconnected, publishes wait in order in a bounded outbox.
   *
   * You need not look at the promise: a refusal ends no process, and is on `errors$` and in the log as well.
   *
   * @throws (as a rejection) InvalidTopicError, InvalidPayloadError, PayloadTooLargeError, OutboxFullError, OverflowError, ClosedError
   */
  publish<K extends TopicName<T>>(topic: K, ...rest: MaybePayload<PayloadOf<T, K>>): Promise<void>
  publish<K extends string>(
    topic: K extends TopicName<T> ? never : K,
    payload?: unknown,
    options?: PublishOptions,
  ): Promise<void>
  publish<K extends TopicName<T>>(message: Publication<K, PayloadOf<T, K>>): Promise<void>
  publish<K extends string>(message: {
    topic: K extends TopicName<T> ? never : K
    payload?: unknown
    headers?: Headers
  }): Promise<void>

  /** An rxjs Subject across processes: `next()` publishes, `subscribe()` listens to the one topic's payloads. */
  subject<K extends TopicName<T>>(topic: K): BusSubject<PayloadOf<T, K>>
  subject<P = unknown>(topic: string): BusSubject<P>

  /**
   * Has this machine's host run a handler for every message that matches, from now on and after this process has ended,
   * until `unsubscribe(name)`. What the name had before is replaced.
   *
   * @throws (as a rejection) HandlerModuleError naming the missing module or export, InvalidPatternError, UnsupportedError on an embedded bus
   */
  subscribeHandler(
    name: string,
    handler: ModuleRef,
    pattern: RegExp | string,
    options?: TopicOptions,
  ): Promise<void>

  /**
   * Offers an Observable to the whole van: for each who observes it, the factory is called with what it gave, and its values,
   * its error or its end go there. Unsubscribing (or `close()`) withdraws it, which ends what is observed of it with
   * ObservationLostError. All who expose one name share the work: each observer is served by one of them.
   *
   * Values go out in order, no faster than the van takes them over; up to 100,000 wait here for each observing bus, and one
   * more ends that observation with OverflowError. An observer that goes, in whatever way, unsubscribes what the factory made.
   *
   * @param name at most 180 characters
   * @param factory gives an Observable, or what RxJS makes one of. A throw goes to who observes.
   * @throws InvalidOptionError, ClosedError at once. What only the van can refuse goes to `errors$`.
   * @example
   * const exposed = bus.expose('ticks', (every: number) => interval(every))
   */
  expose<A = unknown, R = unknown>(name: string, factory: (args: A) => ObservableInput<R>): Subscription

  /**
   * An Observable that another process exposes (or this one). Cold: each `subscribe()` has the factory called with `args`;
   * next, error, complete and unsubscribe cross. Values are fresh copies, but inside one process on an embedded bus. Completes on `close()`.
   *
   * It goes on over a cut link. What breaks it off is an error, never a silence: `retry()` begins anew.
   * Errors with NotExposedError (nobody does), ObservationLostError (who did is gone, which is noticed within seconds of its
   * end, or values were lost with a host), TimeoutError (it was not begun within 30 s), InvalidPayloadError (`args` cannot be
   * carried), and RemoteError with what the other side's Observable emitted as error in `cause`.
   *
   * @throws InvalidOptionError at once, for a name that is none
   * @example
   * bus.observe<number, number>('ticks', 1_000).pipe(retry({ delay: 1_000 })).subscribe(tick => console.log(tick))
   */
  observe<A = unknown, R = unknown>(name: string, args?: A): Observable<R>

  /** Actors: objects with a mailbox that hosts run. */
  readonly actors: Actors

  /**
   * Has an actor get every message that matches, from now on and after this process has ended, until `unsubscribe(name)` or
   * the actor's end. What the name had before is replaced.
   *
   * @throws (as a rejection) ActorStoppedError if there is no such actor, InvalidPatternError, UnsupportedError on an embedded bus
   */
  subscribeActor(
    name: string,
    actor: ActorAddress | string,
    pattern: RegExp | string,
    options?: TopicOptions,
  ): Promise<void>

  /**
   * The hosts of this van: to each subscriber first `joined` for those that are there, then what happens. A host that stops
   * answering has `left` after two heartbeats (by default 20 seconds), one that ends at once. Completes with `close()`.
   */
  readonly hosts$: Observable<HostEvent>

  /** Removes a named subscription with all that waits in it, from any process. False when there was none. */
  unsubscribe(name: string): Promise<boolean>

  status(): Promise<VanStatus>

  /** Messages that subscriptions gave up on: new ones as an Observable, those kept to list, replay and purge. */
  deadLetters(): DeadLetters

  /**
   * Drains (unless `drain: false`), then completes every Observable of this bus. A second call gives the same promise.
   * While it drains and a delivery of this bus is in hand, what it publishes, tells, asks and answers still goes through; new
   * subscriptions are refused at once.
   * Afterwards every call fails with ClosedError.
   */
  close(options?: CloseOptions): Promise<void>
}
