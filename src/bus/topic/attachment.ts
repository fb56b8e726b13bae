import type { Subscriber } from 'rxjs'
import type { MsgvanError } from '../../errors.js'
import { Message, type Settler } from '../../message/message.js'
import { samePattern } from '../../message/pattern.js'
import type { Membership } from '../contract/broker.js'
import type { Run } from './run.js'
import type { Ending, TopicSource } from './topic-source.js'

const attachments = new WeakMap<Settler, Attachment>()

/** By which pipeline a message came: of several that had its subscription one after another, the last. */
export function attachmentOf(message: Message): Attachment | undefined {
  return attachments.get(Message.settlerOf(message))
}

/** A topic's subscription at the root of a pipeline, until the pipeline breaks off. */
export class Attachment implements Ending {
  #membership: Membership | undefined
  /** Another pipeline whose error was being told when this took its subscription over. */
  from: Run | undefined
  /** The van ended it. */
  isOver = false

  /**
   * @param chain the subscriber that the topic was given, and those after it
   * @param beyond where a Subject stands in the pipeline (`share()`): the pipeline behind it that connected it
   * @param cameBack its pipeline was subscribed to that van before
   */
  constructor(
    readonly run: Run,
    readonly source: TopicSource,
    readonly chain: readonly [Subscriber<Message>, ...Subscriber<unknown>[]],
    readonly beyond: Run | undefined,
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

  /** `defer(() => bus.topic(…))` asks anew each time: the same request is as good as the same Observable. */
  isAlike(source: TopicSource): boolean {
    return isAlike(this.source, source)
  }

  bind(membership: Membership): void {
    this.#membership = membership
    attachments.set(membership, this)
  }

  /** Gives the subscription away: what becomes of it is no longer decided here. */
  release(): Membership | undefined {
    const membership = this.#membership
    this.#membership = undefined
    return membership
  }

  /** The van put an end to it, or refuses because it is closed. */
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

  /** The teardown of the topic's subscriber. */
  unsubscribe(): void {
    this.run.detach(this)
  }
}

/** Whether both ask the same of the same van. Functions are not compared: `defer` makes new ones. */
function isAlike(a: TopicSource, b: TopicSource): boolean {
  if (a.broker !== b.broker || !samePattern(a.request.pattern, b.request.pattern)) return false
  return JSON.stringify(rulesOf(a)) === JSON.stringify(rulesOf(b))
}

function rulesOf({ request }: TopicSource): unknown {
  const { delay } = request
  return { ...request, pattern: undefined, delay: typeof delay === 'function' ? undefined : delay }
}
