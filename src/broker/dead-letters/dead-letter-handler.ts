import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { MsgvanError } from '../../errors.js'
import { noHeaders, type Envelope, type Headers } from '../../message/envelope.js'
import type { Encoding } from '../../codec/encoding.js'
import { DeadLetterQueue, type LetterPage } from './dead-letter-queue.js'
import type { StoredDeadLetter } from './stored-dead-letter.js'
import { DeadLetterView, unwrappedLetter } from './dead-letter-view.js'
import type { Item } from '../subscription/item.js'
import type { LocalBrokerOptions, TakeBack, WrapLetter } from '../local-broker-options.js'
import type { Registry } from '../registry.js'
import type { MessageFactory } from '../message-factory.js'
import type { Subscription } from '../subscription/subscription.js'

/** The broker around the dead letters, as they see it. */
export interface DeadLetterHandlerOwner {
  /** @throws ClosedError */
  checkOpen(): void
  report(error: MsgvanError): void
  /** Publishes the news of a dead letter, soon. */
  announce(envelope: Envelope, targets: readonly Subscription[]): void
  /** A letter had to go to make room for another one. */
  pushedOut(): void
}

type DeadLetterOptions = Pick<LocalBrokerOptions, 'wrapLetter' | 'takeBack' | 'keeper'>

/** Takes what subscriptions give up on: keeps it, tells those who listen on `$dead/…`, and sends it back when asked to. */
export class DeadLetterHandler {
  readonly #queue: DeadLetterQueue
  readonly #owner: DeadLetterHandlerOwner
  readonly #registry: Registry
  readonly #messages: MessageFactory
  readonly #wrap: WrapLetter
  readonly #takeBack: TakeBack

  constructor(
    owner: DeadLetterHandlerOwner,
    registry: Registry,
    messages: MessageFactory,
    { wrapLetter = unwrappedLetter, takeBack = () => false, keeper }: DeadLetterOptions,
  ) {
    this.#owner = owner
    this.#registry = registry
    this.#messages = messages
    this.#wrap = wrapLetter
    this.#takeBack = takeBack
    this.#queue = new DeadLetterQueue(keeper)
  }

  get size(): number {
    return this.#queue.size
  }

  page(filter: DeadLetterFilter, after: number, withPayloads: boolean): LetterPage {
    return this.#queue.page(filter, after, withPayloads)
  }

  /** Letters that another process kept. */
  takeIn(letters: Iterable<StoredDeadLetter>): void {
    this.#queue.takeIn(letters)
  }

  /** Letters that the store kept from before the start. */
  restore(letters: Iterable<StoredDeadLetter>): void {
    this.#queue.restore(letters)
  }

  view(): DeadLetterView {
    return new DeadLetterView(this.#queue, {
      check: () => this.#owner.checkOpen(),
      report: error => this.#owner.report(error),
      replayOne: buried => this.#replay(buried),
    })
  }

  /** @returns false if somebody took the message back, so that it is no dead letter */
  bury(key: string, item: Item, error: unknown): boolean {
    // A dead letter's own failure makes no new one.
    if (item.envelope.topic.startsWith('$dead/')) return true
    const buried = this.#queue.write(key, item, error, this.#messages.now())
    if (this.#takeBack(buried.letter, buried.envelope, error)) return false
    for (let gone = this.#queue.keep(buried); gone > 0; gone--) this.#owner.pushedOut()
    this.say(`$dead/${key}`, noHeaders, () => this.#wrap(buried.letter, buried.envelope))
    return true
  }

  /** Publishes to a topic of the system's what is made only if somebody listens. @returns false if nobody does */
  say(
    topic: string,
    headers: Headers,
    make: () => { body: unknown; size: number; encoding: Encoding },
  ): boolean {
    const targets = this.#registry.routes.match(topic)
    if (targets.length === 0) return false
    const { body, size, encoding } = make()
    this.#owner.announce(this.#messages.envelope(topic, headers, body, size, encoding), targets)
    return true
  }

  close(): void {
    this.#queue.close()
  }

  /** Back to the subscription that it came from, if that is still there. */
  #replay({ envelope, letter }: StoredDeadLetter): boolean {
    const subscription = this.#registry.byKey(letter.subscription)
    subscription?.replay(envelope)
    return subscription !== undefined
  }
}
