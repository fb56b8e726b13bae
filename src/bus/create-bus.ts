import { DEFAULT_MAX_PAYLOAD } from '../codec/payload.js'
import type { Observable, ObservableInput } from 'rxjs'
import { checkHeaders } from '../message/headers.js'
import { noHeaders, type Headers } from '../message/envelope.js'
import type { Message } from '../message/message.js'
import type { Messages } from './topic/messages.js'
import { checkPattern, withoutPosition } from '../message/pattern.js'
import { assertSerializable } from '../codec/payload.js'
import { checkPublishTopic } from '../message/topic.js'
import { ClosedError, describe, InvalidPayloadError, MsgvanError } from '../errors.js'
import type { ActorAddress } from './contract/actor-ref.js'
import type { Broker, BusState, CloseOptions } from './contract/broker.js'
import { caught, refusedWith } from './caught.js'
import { ControlOfBus } from './control-of-bus.js'
import { checkClose, checkExposedName, checkFactory, checkObserve, checkReady } from './check-arguments.js'
import { checkActor, checkHandler } from './check-serving.js'
import type { Actors } from './contract/actors.js'
import type { AnyTopics, Bus, ObserveOptions, ReadyOptions, Topics } from './contract/bus.js'
import type { AnyServices, ReplyOptions, RequestOptions, Services } from './contract/services.js'
import { ActorRequests } from './actors/actor-requests.js'
import { createActors } from './actors/create-actors.js'
import { guarding } from './topic/guarding.js'
import { hostEvents, HOSTS_TOPIC, type HostEvent } from './contract/hosts.js'
import type { ModuleRef } from './contract/module-ref.js'
import {
  checkName,
  toRequest,
  type HandlerOptions,
  type PublishOptions,
  type TopicOptions,
} from './contract/options.js'
import { abortable } from './ending/abortable.js'
import { Closing } from './ending/closing.js'
import { asyncDisposable, disposable, type DisposableSubscription } from './ending/disposable.js'
import { readyWithin } from './ending/ready-within.js'
import { reasonOf, untilAborted } from './ending/until-aborted.js'
import type { Factory } from './streams/exposures.js'
import { Middlewares } from './middleware/middlewares.js'
import type { Middleware, OutgoingMessage } from './middleware/middleware.js'
import { ReplyInbox, type Send } from './actors/reply-inbox.js'
import type { SharedState } from './contract/control.js'
import { checkState } from './state/check-state.js'
import { StateOfBus } from './state/state-of-bus.js'
import { StatesOfBus } from './state/states-of-bus.js'
import { Streams } from './streams/streams.js'
import { BusSubject } from './topic/subject.js'
import { checkNoRequests, checkReply, checkRequest } from './requests/check-requests.js'
import { RequestsOfBus } from './requests/requests-of-bus.js'
import type { PublishRules } from './contract/options.js'
import {
  checkPublication,
  checkPublishOptions,
  headersOf,
  isPublication,
  type Publication,
} from './publication.js'
import { Refusals } from './refusals.js'
import { TopicObservable } from './topic/topic-observable.js'
import { TopicSource } from './topic/topic-source.js'
import { ExactNotice } from '../message/wildcards/exact-notice.js'

export interface BusOptions {
  /** The largest payload, in bytes. Default 8 MiB. */
  maxPayload?: number
  /** `errors$` reports each refused publish. Default true; use false where every promise is looked at. */
  reportsRefusals?: boolean
  use?: readonly Middleware[] | undefined
  /**
   * `close()` calls it: the closed bus holds its refusals back until the promise resolves. Default: it does not hold
   * them back.
   */
  refusalsWaitFor?: () => Promise<void> | undefined
}

/** A bus on any broker: all kinds of connection share this code, so that they differ only in their reach. */
export function createBus<T extends Topics = AnyTopics, S extends Services = AnyServices>(
  name: string,
  broker: Broker,
  options: BusOptions = {},
): Bus<T, S> {
  return new BrokerBus(name, broker, options) as unknown as Bus<T, S>
}

/**
 * @internal The class of a bus; apps see it as a Bus.
 */
export class BrokerBus extends ControlOfBus {
  readonly state$: Observable<BusState>
  readonly errors$: Observable<MsgvanError>;
  declare [Symbol.asyncDispose]: () => Promise<void>
  readonly #broker: Broker
  readonly #maxPayload: number
  readonly #closing = new Closing(options => {
    this.end = this.#refusalsWaitFor?.()
    this.#streams?.close()
    const close = (left: CloseOptions): Promise<void> => this.#broker.close(left, this.end !== undefined)
    return this.#middlewares?.drain(options)?.then(close) ?? close(options)
  })
  readonly #refusalsWaitFor: BusOptions['refusalsWaitFor']
  readonly #middlewares: Middlewares | undefined
  #actors: Actors | undefined
  #requests: ActorRequests | undefined
  #hosts$: Observable<HostEvent> | undefined
  #streams: Streams | undefined
  readonly #exactNotice = new ExactNotice(notice => this.#broker.report(notice, true))
  #requestsOfBus: RequestsOfBus | undefined
  #states: StatesOfBus | undefined
  /** To system topics, which `publish` refuses. */
  readonly #send: Send = (topic, payload, headers) => {
    checkHeaders(headers)
    if (!this.#broker.checksPayloads) assertSerializable(payload, this.#maxPayload)
    return this.#broker.publish(topic, payload, headers)
  }
  /** For an app: catches a refusal and reports it, as with a publish. */
  readonly #post: Send = (topic, payload, headers) => {
    try {
      return caught(this.#send(topic, payload, headers), this.#refusals.report)
    } catch (error) {
      return refusedWith(asError(error), this.#refusals.report)
    }
  }
  readonly #refusals: Refusals

  static {
    asyncDisposable(BrokerBus.prototype)
  }

  constructor(
    readonly name: string,
    broker: Broker,
    options: BusOptions = {},
  ) {
    super(broker.control)
    this.#broker = broker
    this.#refusals = new Refusals(broker)
    this.#maxPayload = options.maxPayload ?? DEFAULT_MAX_PAYLOAD
    this.#refusalsWaitFor = options.refusalsWaitFor
    this.#middlewares = options.use === undefined ? undefined : new Middlewares(options.use)
    this.state$ = guarding(broker.state$, 'state$', error => broker.report(error))
    // On `errors$` the subscriber that threw would get its own error, again and again.
    this.errors$ = guarding(broker.errors$, 'errors$', error => broker.report(error, true))
    if (options.reportsRefusals === false) this.#refusals.report = undefined
  }

  ready(options: ReadyOptions = {}): Promise<void> {
    const ready = async (): Promise<void> =>
      readyWithin(timeout => this.#broker.ready(timeout), checkReady(options))
    return this.unlessEnding(ready())
  }

  topic(pattern: RegExp | string, options: TopicOptions = {}): Messages {
    this.#check(pattern)
    const own = typeof pattern === 'string' ? pattern : withoutPosition(pattern)
    const request = toRequest(own, options)
    return new TopicObservable<Message>(new TopicSource(this.#broker, request, options, this.#middlewares))
  }

  #check(pattern: RegExp | string): void {
    checkPattern(pattern)
    checkNoRequests(pattern)
    this.#exactNotice.look(pattern)
  }

  publish(topicOrMessage: string | Publication, payload?: unknown, options?: PublishOptions): Promise<void> {
    try {
      if (isPublication(topicOrMessage)) {
        checkPublication(topicOrMessage, payload)
        const { topic, headers, key } = topicOrMessage
        return this.#publish(topic, topicOrMessage.payload, headers, key)
      }
      const rules = options === undefined ? undefined : checkPublishOptions(options)
      const signal = options?.signal
      if (signal?.aborted === true) return refusedWith(reasonOf(signal), undefined)
      const outcome = this.#publish(topicOrMessage, payload, options?.headers, options?.key, rules)
      return signal === undefined ? outcome : caught(untilAborted(outcome, signal), undefined)
    } catch (error) {
      return refusedWith(asError(error), this.#refusals.report)
    }
  }

  #publish(topic: string, payload: unknown, given?: Headers, key?: string, by?: PublishRules): Promise<void> {
    checkPublishTopic(topic)
    const headers =
      given === undefined && key === undefined ? noHeaders : (headersOf(given, key) ?? noHeaders)
    if (this.#middlewares !== undefined)
      return this.#publishThrough(this.#middlewares, { topic, payload, headers }, by)
    if (this.end === undefined) return this.#pass(topic, payload, headers, by, this.#refusals.report)
    return caught(this.unlessEnding(this.#pass(topic, payload, headers, by)), undefined)
  }

  #publishThrough(through: Middlewares, message: OutgoingMessage, by?: PublishRules): Promise<void> {
    const sent = through.outgoing('message', message, ({ topic, payload, headers }) =>
      this.#pass(topic, payload, headers, by),
    )
    return this.end === undefined
      ? caught(sent, this.#refusals.report)
      : caught(this.unlessEnding(sent), undefined)
  }

  #pass(
    ...[topic, payload, headers, by, refused]: [
      string,
      unknown,
      Headers,
      PublishRules?,
      ((error: unknown) => void)?,
    ]
  ): Promise<void> {
    if (!this.#broker.checksPayloads) assertSerializable(payload, this.#maxPayload)
    return by === undefined
      ? this.#broker.publish(topic, payload, headers, refused)
      : this.#broker.publishRuled(topic, payload, headers, by, refused)
  }

  subject(topic: string): BusSubject<unknown> {
    checkPublishTopic(topic)
    return new BusSubject(this.topic(topic), payload => void this.publish(topic, payload))
  }

  async subscribeHandler(
    name: string,
    handler: ModuleRef,
    pattern: RegExp | string,
    options: HandlerOptions = {},
  ): Promise<void> {
    checkName(name)
    this.#check(pattern)
    const { request, isolation } = checkHandler(name, handler, pattern, options)
    await this.unlessEnding(this.#broker.control.subscribeHandler(name, handler, request, isolation))
  }

  async subscribeActor(
    name: string,
    actor: ActorAddress | string,
    pattern: RegExp | string,
    options: TopicOptions = {},
  ): Promise<void> {
    checkName(name)
    this.#check(pattern)
    const { id, request } = checkActor(name, actor, pattern, options)
    await this.unlessEnding(this.#broker.control.actors.subscribe(name, id, request))
  }

  state(topic: string): SharedState {
    checkState(topic)
    this.#states ??= new StatesOfBus(this.#broker, this.#maxPayload)
    return new StateOfBus(topic, this.#states, changes$ => this.#guarding(changes$, 'changes$'))
  }

  get actors(): Actors {
    this.#actors ??= this.actorsOf(undefined)
    return this.#actors
  }

  /** Actors; those created here become children of `parent`. */
  actorsOf(parent: string | undefined): Actors {
    return createActors({
      broker: this.#broker.control.actors,
      post: this.#post,
      requests: () => this.requests,
      guarded: answers$ => this.#guarding(answers$, 'ask()'),
      parent,
    })
  }

  /** The questions and answers of this bus. */
  get requests(): ActorRequests {
    this.#requests ??= new ActorRequests(new ReplyInbox(this.#broker, this.#send))
    return this.#requests
  }

  get #ownRequests(): RequestsOfBus {
    this.#requestsOfBus ??= new RequestsOfBus(this.#broker, this.#send, this.#middlewares)
    return this.#requestsOfBus
  }

  async request(topic: string, payload?: unknown, options?: RequestOptions): Promise<unknown> {
    return this.unlessEnding(this.#ownRequests.request(payload, checkRequest(topic, options)))
  }

  reply<P>(
    pattern: RegExp | string,
    responder: (message: Message<P>) => unknown,
    options: ReplyOptions = {},
  ): DisposableSubscription {
    const reply = checkReply(pattern, responder, options)
    if (this.#closing.hasBegun) throw new ClosedError('This bus is closed. Make a new one with van().')
    return disposable(this.#ownRequests.reply(reply, responder as (message: Message) => unknown))
  }

  expose<A>(name: string, factory: (args: A) => ObservableInput<unknown>): DisposableSubscription {
    checkExposedName(name)
    checkFactory(factory)
    if (this.#closing.hasBegun) throw new ClosedError('This bus is closed. Make a new one with van().')
    return disposable(this.#remoteStreams.expose(name, factory as Factory))
  }

  observe<A, R>(name: string, args?: A, options: ObserveOptions = {}): Observable<R> {
    checkExposedName(name)
    checkObserve(options)
    const values$ = this.#remoteStreams.observe(name, args) as Observable<R>
    return this.#guarding(abortable(values$, options.signal), 'observe()')
  }

  #guarding<T>(source: Observable<T>, what: string): Observable<T> {
    return guarding(source, what, error => this.#broker.report(error))
  }

  get #remoteStreams(): Streams {
    this.#streams ??= new Streams(this.#broker, this.#send)
    return this.#streams
  }

  get hosts$(): Observable<HostEvent> {
    this.#hosts$ ??= this.#guarding(hostEvents(this.#broker, this.topic(HOSTS_TOPIC)), 'hosts$')
    return this.#hosts$
  }

  close(options: CloseOptions = {}): Promise<void> {
    const refusal = closeRefusal(options)
    return refusal === undefined ? this.#closing.close(options) : Promise.reject(refusal)
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new InvalidPayloadError(describe(error))
}

function closeRefusal(options: CloseOptions): Error | undefined {
  try {
    checkClose(options)
    return undefined
  } catch (error) {
    return asError(error)
  }
}
