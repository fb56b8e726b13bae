import type { Subscriber } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import type { Message } from '../../message/message.js'
import { samePattern } from '../../message/pattern.js'
import type { Membership } from '../contract/broker.js'
import { onAbort } from '../ending/on-abort.js'
import type { PipelineEnd, TopicSource } from './topic-source.js'

/** The subscriber of a topic, and the subscribers after it. */
export type RootChain = readonly [Subscriber<Message>, ...Subscriber<unknown>[]]

/** The pipeline that a subscription is part of. */
export interface PipelineOwner {
  readonly isGuarded: boolean
  /** The van ended the subscription, or refuses it because it is closed. */
  end(subscription: unknown): void
  /** The topic's subscriber is torn down. */
  detach(subscription: unknown): void
  /** The van refuses the topic. */
  refused(error: MsgvanError): void
  /** A message was acked because `next` returned. */
  acked(): void
  /** An operator settles a message (`handle`). */
  claimed(): void
}

/** A topic's subscription at the root of a pipeline, until the pipeline breaks off. */
export class PipelineSubscription<R extends PipelineOwner> implements PipelineEnd {
  #membership: Membership | undefined
  /** Another pipeline whose error was on its way when this took its subscription over. */
  from: R | undefined
  /** The van ended it. */
  isOver = false

  /**
   * @param chain the topic's subscriber, and the subscribers after it
   * @param beyond if a Subject stands in the pipeline (`share()`): the pipeline behind it that connected it
   * @param cameBack its pipeline has subscribed to that van before
   */
  constructor(
    readonly run: R,
    readonly source: TopicSource,
    readonly chain: RootChain,
    readonly beyond: R | undefined,
    readonly cameBack: boolean,
  ) {}

  get isGuarded(): boolean {
    return this.run.isGuarded
  }

  get subscriber(): Subscriber<Message> {
    return this.chain[0]
  }

  get membership(): Membership | undefined {
    return this.#membership
  }

  /** `defer(() => bus.topic(…))` makes a new Observable each time: an equal request counts as the same one. */
  isAlike(source: TopicSource): boolean {
    return isAlike(this.source, source)
  }

  bind(membership: Membership): void {
    this.#membership = membership
  }

  /** Gives the subscription away: this no longer decides about it. */
  release(): Membership | undefined {
    const membership = this.#membership
    this.#membership = undefined
    return membership
  }

  /** The signal of its topic completes it. */
  watchSignal(): void {
    const { subscriber, source } = this
    if (source.signal === undefined) return
    subscriber.add(onAbort(source.signal, () => source.guardTeardown(() => subscriber.complete())))
  }

  /** The van ended it, or refuses it because it is closed. */
  end(): void {
    this.run.end(this)
  }

  refused(error: MsgvanError): void {
    this.run.refused(error)
    this.beyond?.refused(error)
  }

  acked(): void {
    this.run.acked()
  }

  claimed(): void {
    this.run.claimed()
  }

  /** The teardown of the topic's subscriber. */
  unsubscribe(): void {
    this.run.detach(this)
  }
}

/** Whether both make the same request to the same van. Functions are not compared: `defer` makes new ones. */
function isAlike(a: TopicSource, b: TopicSource): boolean {
  if (a.broker !== b.broker || !samePattern(a.request.pattern, b.request.pattern)) return false
  return JSON.stringify(rulesOf(a)) === JSON.stringify(rulesOf(b))
}

function rulesOf({ request }: TopicSource): unknown {
  const { delay } = request
  return { ...request, pattern: undefined, delay: typeof delay === 'function' ? undefined : delay }
}
