/// <reference lib="esnext.disposable" preserve="true" />
import type { Observable } from 'rxjs'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { MsgvanError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import type { BusState, CloseOptions } from './broker.js'
import type { ActorAddress } from './actor-ref.js'
import type { BusSubject } from '../topic/subject.js'
import type { Actors } from './actors.js'
import type { DeadLetters } from './dead-letters.js'
import type { HostEvent } from './hosts.js'
import type { Messages } from '../topic/messages.js'
import type { ModuleRef } from './module-ref.js'
import type { HandlerOptions, PublishOptions, TopicOptions } from './options.js'
import type {
  AnyServices,
  Expose,
  ReplyOf,
  RequestArgs,
  RequestOf,
  RequestOptions,
  Respond,
  ServiceName,
  Services,
  Unlisted,
} from './services.js'
import type { SharedState } from './control.js'
import type { VanStatus } from './status.js'

export interface ObserveOptions {
  /** When it aborts, the Observable errors with its reason, and the exposed one is unsubscribed. */
  signal?: AbortSignal
}

/** The type of an app's topics: `interface MyTopics { 'orders.created': Order }`, given as `van<MyTopics>()`. */
export type Topics = object

/** The default: every payload is `unknown` unless the caller gives a type. */
export interface AnyTopics {
  [topic: string]: unknown
}

/**
 * The topics that an app lists. Leaves index signatures out, which would take `topic<string>('t')` for a topic's name.
 */
type TopicName<T> = string extends keyof T ? never : Extract<keyof T, string>
/** The payload of a topic that the app does not list is `unknown`. */
type PayloadOf<T, K extends string> = K extends keyof T ? T[K] : unknown
type Publication<K, P> = { topic: K; headers?: Headers; key?: string | undefined } & (undefined extends P
  ? { payload?: P }
  : { payload: P })
type MaybePayload<P> = undefined extends P
  ? [payload?: P, options?: PublishOptions]
  : [payload: P, options?: PublishOptions]

/**
 * An app's handle on one van.
 *
 * @example
 * const bus = van({ embedded: true })
 * bus.topic(/^orders\./).subscribe(message => console.log(message.topic, message.payload))
 * await bus.publish('orders.created', { id: 7 })
 * await bus.close()
 */
export interface ReadyOptions {
  /**
   * The longest wait, in milliseconds. Default: 30,000 for this machine's host, 10,000 with `connect`; unlimited once
   * it is connected.
   */
  timeout?: number
  /** Ends the wait with its reason. The bus goes on. */
  signal?: AbortSignal
}

export interface Bus<T extends Topics = AnyTopics, S extends Services = AnyServices> {
  /** The van's name. */
  readonly name: string

  /** Replays the current state; completes after `'closed'`. */
  readonly state$: Observable<BusState>

  /**
   * Errors that no call can report: a subscriber threw, a session is lost, a host refuses. Hot; it never errors itself.
   * It reports each failure once.
   */
  readonly errors$: Observable<MsgvanError>

  /**
   * Resolves when the bus is connected and every earlier request is in force: every message that any process publishes
   * from then on reaches the subscriptions made before the call.
   *
   * @throws ClosedError, AuthError, VersionMismatchError, HostUnreachableError, TimeoutError; the reason of `signal`
   */
  ready(options?: ReadyOptions): Promise<void>

  /**
   * Every message whose topic matches, of every publisher. Cold: each `subscribe()` registers a subscription of its own
   * (or joins the one called `options.name`), and unsubscribing removes it. Completes on `close()`; a lost connection
   * is not an error. An error in the pipeline fails the message that caused it, and stock `retry()` gets that message
   * again first.
   *
   * @param pattern a RegExp, matched as `RegExp.test` does (anywhere unless anchored; `g` and `y` are ignored), or a
   * string: that one exact topic. Topics that begin with `$` need a pattern that begins with `^\$`.
   * @throws InvalidPatternError, InvalidOptionError at once. If only the van can refuse it (a name is taken), the
   * Observable errors.
   */
  topic<K extends TopicName<T>>(topic: K, options?: TopicOptions<T[K]>): Messages<PayloadOf<T, K>>
  topic<S extends StandardSchemaV1>(
    pattern: RegExp | string,
    options: Omit<TopicOptions, 'schema'> & { schema: S },
  ): Messages<StandardSchemaV1.InferOutput<S>>
  topic<P = unknown>(pattern: RegExp | string, options?: TopicOptions<P>): Messages<P>

  /**
   * Resolves when the van has taken the message over: from then on the van owes it to every matching subscription.
   * While disconnected, publishes wait in order in a bounded outbox.
   *
   * You need not look at the promise: a refusal does not end the process, and `errors$` and the log report it as well.
   *
   * @throws (as a rejection) InvalidTopicError, InvalidPayloadError, PayloadTooLargeError, OutboxFullError,
   * OverflowError, ClosedError
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
    key?: string | undefined
  }): Promise<void>

  /**
   * A value that all processes of the van share. The van keeps the newest one, also while no process is there; with a
   * store, after the death of its host as well.
   *
   * @param topic at most 1,017 UTF-8 bytes. A state is no message: `publish` and `topic` on the same text are apart from it
   * @throws InvalidTopicError at once
   * @example
   * const visits = bus.state<number>('visits')
   * await visits.update(count => (count ?? 0) + 1)
   * visits.changes$.subscribe(count => console.log(count))
   */
  state<K extends TopicName<T>>(topic: K): SharedState<PayloadOf<T, K>>
  state<V = unknown>(topic: string): SharedState<V>

  /** An rxjs Subject across processes: `next()` publishes, `subscribe()` listens to the one topic's payloads. */
  subject<K extends TopicName<T>>(topic: K): BusSubject<PayloadOf<T, K>>
  subject<P = unknown>(topic: string): BusSubject<P>

  /**
   * Runs a handler in this machine's host for every message that matches. It runs on after this process has ended,
   * until `unsubscribe(name)`. It replaces an earlier handler or actor of that name.
   *
   * @throws (as a rejection) HandlerModuleError naming the missing module or export, InvalidPatternError,
   * UnsupportedError on an embedded bus
   */
  subscribeHandler(
    name: string,
    handler: ModuleRef,
    pattern: RegExp | string,
    options?: HandlerOptions,
  ): Promise<void>

  /**
   * Offers an Observable to the whole van. For each observer, msgvan calls the factory with the observer's arguments,
   * and sends its values, its error or its completion there. Unsubscribing (or `close()`) withdraws it: running
   * observations end with ObservationLostError. All buses that expose one name share the work: one of them serves each
   * observer.
   *
   * Values go out in order, no faster than the van accepts them. Up to 100,000 wait here for each observing bus; one
   * more ends that observation with OverflowError. When an observer goes, in any way, msgvan unsubscribes its
   * Observable.
   *
   * @param name at most 180 characters
   * @param factory returns an Observable, or a value that RxJS makes one of. Its throw goes to the observer.
   * @throws InvalidOptionError, ClosedError at once. If only the van can refuse it, `errors$` reports it.
   * @example
   * const exposed = bus.expose('ticks', (every: number) => interval(every))
   */
  readonly expose: Expose<S>

  /**
   * An Observable that another process (or this one) exposes. Cold: each `subscribe()` calls the factory with `args`;
   * next, error, complete and unsubscribe cross. Values are fresh copies, except inside one process on an embedded bus.
   * Completes on `close()`.
   *
   * It survives a cut link. Every loss is an error, never a silence: `retry()` begins anew. Errors with NotExposedError
   * (no bus exposes the name), ObservationLostError (the exposing bus is gone, which the bus notices within about three
   * seconds on one machine, and at the latest when its session ends; or values were lost with a host), TimeoutError (it
   * did not begin within 30 s), InvalidPayloadError (`args` cannot cross), and RemoteError, whose `cause` is the error
   * of the exposed Observable.
   *
   * @throws InvalidOptionError at once, if `name` is not a valid name
   * @example
   * bus.observe<number, number>('ticks', 1_000).pipe(retry({ delay: 1_000 })).subscribe(tick => console.log(tick))
   */
  observe<K extends ServiceName<S>>(
    name: K,
    args: RequestOf<S, K>,
    options?: ObserveOptions,
  ): Observable<ReplyOf<S, K>>
  observe<A = unknown, R = unknown, K extends string = string>(
    name: Unlisted<S, K>,
    args?: A,
    options?: ObserveOptions,
  ): Observable<R>

  /**
   * Asks one responder of the van, and resolves with its answer. A responder whose process dies hands the request to
   * another one, while time is left.
   *
   * Requests are no messages of `topic()`, and nothing keeps them.
   *
   * @param topic any text of at most 1,015 UTF-8 bytes that does not begin with `$`
   * @throws (as a rejection) NoResponderError at once if there is none, TimeoutError, the reason of `signal`,
   * RemoteError whose `cause` is the responder's error (an error of msgvan comes in its own class), ConsumerDiedError
   * after `attempts` deaths, OverflowError if responders have too many requests waiting, InvalidTopicError,
   * InvalidPayloadError, PayloadTooLargeError, OutboxFullError, ForbiddenError, ClosedError
   * @example
   * const price = await bus.request<number>('prices.of', { item: 7 }, { timeout: 2_000 })
   */
  request<K extends ServiceName<S>>(topic: K, ...rest: RequestArgs<RequestOf<S, K>>): Promise<ReplyOf<S, K>>
  request<R = unknown, K extends string = string>(
    topic: Unlisted<S, K>,
    payload?: unknown,
    options?: RequestOptions,
  ): Promise<R>

  /**
   * Answers requests whose topic matches. All matching responders of the van are one pool: one of them gets each
   * request. The first value of the result is the answer, an error crosses to the asker, and a result without a value
   * is the answer `undefined`.
   *
   * When the asker gives up or dies, `message.signal` aborts, and msgvan unsubscribes the result.
   *
   * @param responder gets the request as a message, and returns an Observable, a promise or a plain value (an array is one value)
   * @returns unsubscribing withdraws it: work in hand is aborted, and goes to another responder
   * @throws InvalidPatternError, InvalidOptionError, ClosedError at once. If only the van can refuse it, `errors$`
   * reports it.
   * @example
   * bus.reply('prices.of', message => prices.get(message.payload.item))
   */
  readonly reply: Respond<S>

  /** Actors: objects with a mailbox that hosts run. */
  readonly actors: Actors

  /**
   * Passes every message that matches to an actor. It goes on after this process has ended, until `unsubscribe(name)`
   * or the actor's end. It replaces an earlier handler or actor of that name.
   *
   * @throws (as a rejection) ActorStoppedError if the actor does not exist, InvalidPatternError, UnsupportedError on an
   * embedded bus
   */
  subscribeActor(
    name: string,
    actor: ActorAddress | string,
    pattern: RegExp | string,
    options?: TopicOptions,
  ): Promise<void>

  /**
   * The hosts of this van: each subscriber first gets `joined` for the present hosts, then every change. A host that
   * stops answering has `left` after two heartbeats (by default 20 seconds), one that ends at once. Completes with
   * `close()`.
   */
  readonly hosts$: Observable<HostEvent>

  /**
   * Removes a named subscription and all its messages, from any process. Resolves with false when it does not exist.
   *
   * @throws (as a rejection) HostUnreachableError when the host died before it answered, and the subscription does not
   * exist: this call may have removed it
   */
  unsubscribe(name: string): Promise<boolean>

  /**
   * Pauses a named subscription, from any process of the van: it keeps its messages and takes new ones in, and hands out
   * none until `resume(name)`. Consumers give back the messages that wait for their turn, uncounted. Work that has begun
   * goes on, and a message that fails meanwhile waits, too. It stays paused without consumers, and across restarts of the
   * host if the name stays. `status()` and `msgvan top` show it. When the promise resolves, the van hands out no more; a
   * consumer in another process may begin one more message until it learns of it.
   *
   * Resolves with false when the name does not exist; with true also if it is paused before.
   */
  pause(name: string): Promise<boolean>

  /** Lets a paused subscription go on. Resolves with false when the name does not exist. */
  resume(name: string): Promise<boolean>

  /**
   * Takes back a delayed message, by the `id` that its publisher gave, from any process. Resolves with true if no
   * subscription gets it, and with false if none with this id is delayed. The id is free again.
   *
   * @throws (as a rejection) InvalidOptionError, ForbiddenError, ClosedError
   */
  cancel(id: string): Promise<boolean>

  status(): Promise<VanStatus>

  /** Messages that subscriptions gave up on: new ones as an Observable, kept ones to list, replay and purge. */
  deadLetters(): DeadLetters

  /**
   * Drains (unless `drain: false`), then completes every Observable of this bus. A second call returns the same
   * promise. While it drains and a delivery of this bus is in hand, that delivery's publishes, tells, asks and answers
   * still go through; new subscriptions are refused at once. Afterwards every call fails with ClosedError.
   *
   * @throws (as a rejection) the reason of `signal`
   */
  close(options?: CloseOptions): Promise<void>

  /**
   * The same as `close()`, where the runtime has `Symbol.asyncDispose`.
   *
   * @example
   * await using bus = van({ embedded: true })
   * await bus.publish('greeting', 'hello')
   */
  [Symbol.asyncDispose](): Promise<void>
}
