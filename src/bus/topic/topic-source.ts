import type { Subscriber } from 'rxjs'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ClosedError, describe, SchemaError, SubscriberError, type MsgvanError } from '../../errors.js'
import { takeInHand } from '../../message/in-hand.js'
import { Claim } from '../../message/claim.js'
import { Message, replacePayload } from '../../message/message.js'
import { errorsIn, nextInto, nothing } from '../../operators/rxjs-internals.js'
import { isPromise } from '../../message/check-option.js'
import { describePattern } from '../../message/pattern.js'
import type { Middlewares } from '../middleware/middlewares.js'
import type { Broker, Consumer } from '../contract/broker.js'
import type { TopicOptions } from '../contract/options.js'
import type { SubscriptionRequest } from '../contract/subscription-request.js'

/** The common part of all pipelines from one `topic()` call: where to subscribe, and how to settle deliveries. */
export class TopicSource {
  readonly autoAck: boolean
  readonly schema: StandardSchemaV1 | undefined
  /** Its abort completes every subscription. */
  readonly signal: AbortSignal | undefined
  readonly #options: TopicOptions
  readonly #hasPrefetch: boolean

  constructor(
    readonly broker: Broker,
    readonly request: SubscriptionRequest,
    options: TopicOptions,
    /** Deliveries pass it first. */
    readonly middlewares?: Middlewares,
  ) {
    const { ack, schema, signal, prefetch } = options
    this.autoAck = ack !== 'manual'
    this.schema = schema
    this.signal = signal
    this.#options = options
    this.#hasPrefetch = prefetch !== undefined
  }

  /** For a loop: it has one message, unless the app says otherwise. */
  get loopRequest(): SubscriptionRequest {
    return this.autoAck && !this.#hasPrefetch ? { ...this.request, prefetch: 1 } : this.request
  }

  /** The same, but the return of `next()` settles nothing. */
  get settledByHand(): TopicSource {
    return new TopicSource(this.broker, this.request, { ...this.#options, ack: 'manual' }, this.middlewares)
  }

  /** The consumer as the van sees it. */
  passing<C extends Consumer>(consumer: C): C {
    if (this.middlewares === undefined) return consumer
    return this.middlewares.around(consumer, (message, error) => this.failed(message, error))
  }

  get isNamed(): boolean {
    return this.request.name !== undefined
  }

  /** The subscriber threw. */
  failed(message: Message, error: unknown): void {
    Claim.fail(message, error)
    this.report(error, message.topic)
  }

  /**
   * A subscriber returned a promise, which nothing awaits. A rejection would end the process.
   *
   * @param message undefined where no message is the cause
   */
  watch(promise: PromiseLike<unknown>, message: Message | undefined): void {
    const topic = message?.topic
    promise.then(undefined, (error: unknown) => {
      const what = `The promise of a subscriber of ${this.#named(topic)} was rejected: ${describe(error)}`
      const advice = message === undefined ? '' : `. ${this.#adviceOn(message)}`
      this.broker.report(new SubscriberError(what + advice, topic, error))
    })
  }

  #adviceOn(message: Message): string {
    if (Message.isClaimed(message)) return 'It settles no message: the operator before it does.'
    const settled = this.autoAck ? 'The message was acknowledged before' : 'It settles no message'
    return `${settled}: use \`handle\` for async work.`
  }

  /** @param topic of the message; undefined where no message is the cause */
  report(error: unknown, topic: string | undefined): void {
    const what = `A subscriber of ${this.#named(topic)} threw: ${describe(error)}`
    this.broker.report(new SubscriberError(what, topic, error))
  }

  /**
   * Ends a pipeline. What its teardowns throw (`finalize`) must not end other pipelines, nor the `close()` of the bus.
   */
  guardTeardown(end: () => void): void {
    try {
      end()
    } catch (thrown) {
      for (const error of errorsIn(thrown)) this.report(error, undefined)
    }
  }

  #named(topic: string | undefined): string {
    const { pattern } = this.request
    return topic === undefined && typeof pattern !== 'string'
      ? describePattern(pattern)
      : JSON.stringify(topic ?? pattern)
  }
}

/** How a pipeline reacts when the van ends its subscription. */
export interface PipelineEnd {
  /** Its pipeline has subscribed to that van before: a retry() or repeat() came back, or concat() continues. */
  readonly cameBack: boolean
  /** All ends of the pipeline are known, and guarded. */
  readonly isGuarded: boolean
  /** Called before the van's own error goes down the pipeline. */
  refused(error: MsgvanError): void
  /** `next` returned, so a message was acked. */
  acked(): void
  /** An operator settles a message (`handle`). */
  claimed(): void
  end(): void
}

/** Hands deliveries to the first subscriber of a pipeline, and settles those that the subscriber leaves to it. */
export class TopicConsumer implements Consumer {
  readonly #source: TopicSource
  readonly #subscriber: Subscriber<Message>
  readonly #ending: PipelineEnd
  /** Set while it awaits schema results: later messages queue behind. */
  #validating: Promise<void> | undefined

  constructor(source: TopicSource, subscriber: Subscriber<Message>, ending: PipelineEnd) {
    this.#source = source
    this.#subscriber = subscriber
    this.#ending = ending
  }

  next(message: Message): void {
    if (this.#source.schema === undefined) this.#handOut(message)
    else this.#validate(message, this.#source.schema)
  }

  error(error: MsgvanError): void {
    // For a pipeline that came back, a closed bus is an end and not an error: retry() would go on for ever.
    if (error instanceof ClosedError && this.#ending.cameBack) this.complete()
    else {
      this.#ending.refused(error)
      this.#source.guardTeardown(() => this.#subscriber.error(error))
    }
  }

  complete(): void {
    this.#ending.end()
  }

  #handOut(message: Message): void {
    const before = takeInHand(message)
    try {
      if (this.#ending.isGuarded) this.#subscriber.next(message)
      else this.#nextUnguarded(message)
    } catch (error) {
      this.#source.failed(message, error)
    } finally {
      takeInHand(before)
    }
    const claim = Message.claimOf(message)
    if (claim !== undefined) {
      claim.nextReturned()
      this.#ending.claimed()
    } else if (this.#source.autoAck && message.ack()) this.#ending.acked()
  }

  #nextUnguarded(message: Message): void {
    const thrown = nextInto(this.#subscriber, message)
    if (thrown !== nothing) this.#source.failed(message, thrown)
  }

  #validate(message: Message, schema: StandardSchemaV1): void {
    if (this.#validating !== undefined) {
      this.#line(() => this.#check(message, schema))
      return
    }
    const pending = this.#check(message, schema)
    if (pending !== undefined) this.#line(() => pending)
  }

  #line(step: () => Promise<void> | undefined): void {
    const line: Promise<void> = (this.#validating ?? Promise.resolve()).then(step).then(() => {
      if (this.#validating === line) this.#validating = undefined
    })
    this.#validating = line
  }

  #check(message: Message, schema: StandardSchemaV1): Promise<void> | undefined {
    const refuse = (error: unknown) => this.#source.failed(message, error)
    const judge = (result: StandardSchemaV1.Result<unknown>) => {
      if (this.#subscriber.closed) {
        Message.settlerOf(message).release(message, true)
      } else if (result.issues === undefined) {
        replacePayload(message, result.value)
        this.#handOut(message)
      } else {
        const why = result.issues.map(issue => issue.message).join('; ')
        refuse(
          new SchemaError(
            `The payload of ${JSON.stringify(message.topic)} fails its schema: ${why}`,
            result.issues,
          ),
        )
      }
    }
    try {
      const result = schema['~standard'].validate(message.payload)
      if (isPromise(result)) return Promise.resolve(result).then(judge).catch(refuse)
      judge(result)
    } catch (error) {
      refuse(error)
    }
    return undefined
  }
}
