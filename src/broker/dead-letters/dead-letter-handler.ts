import type { DeadLetterFilter } from '../../bus/contract/dead-letters.js'
import type { MsgvanError } from '../../errors.js'
import { noHeaders, type Headers } from '../../message/envelope.js'
import { DeadLetterQueue, type LetterPage } from './dead-letter-queue.js'
import type { StoredDeadLetter } from './stored-dead-letter.js'
import { DeadLetterView, unwrappedLetter } from './dead-letter-view.js'
import type { Item } from '../subscription/backlog/item.js'
import type { LocalBrokerOptions, TakeBack, WrapLetter } from '../local-broker-options.js'
import type { Registry } from '../lifecycle/registry.js'
import type { MessageFactory } from '../routing/message-factory.js'
import type { MakeBody } from '../routing/system-topics.js'

/** The broker, as its dead letters use it. */
export interface DeadLetterHandlerOwner {
  /** @throws ClosedError */
  checkOpen(): void
  report(error: MsgvanError): void
  /** Publishes soon on a system topic. */
  publish(topic: string, headers: Headers, make: MakeBody): void
  /** A letter was dropped to make room for another one. */
  dropped(): void
}

type DeadLetterOptions = Pick<LocalBrokerOptions, 'wrapLetter' | 'takeBack' | 'durableLog' | 'letterMemory'>

/** Keeps the messages that subscriptions give up on, publishes each on `$dead/…`, and replays them on request. */
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
    { wrapLetter = unwrappedLetter, takeBack = () => false, durableLog, letterMemory }: DeadLetterOptions,
  ) {
    this.#owner = owner
    this.#registry = registry
    this.#messages = messages
    this.#wrap = wrapLetter
    this.#takeBack = takeBack
    this.#queue = new DeadLetterQueue({ durableLog, letterMemory, dropped: () => owner.dropped() })
  }

  get size(): number {
    return this.#queue.size
  }

  page(filter: DeadLetterFilter, after: number, withPayloads: boolean): LetterPage {
    return this.#queue.page(filter, after, withPayloads)
  }

  /** Takes in the letters of another process. */
  takeIn(letters: Iterable<StoredDeadLetter>): void {
    this.#queue.takeIn(letters)
  }

  /** Restores the letters of the store. */
  restore(letters: Iterable<StoredDeadLetter>): void {
    this.#queue.restore(letters)
  }

  view(): DeadLetterView {
    return new DeadLetterView(this.#queue, {
      check: () => this.#owner.checkOpen(),
      report: error => this.#owner.report(error),
      redrive: stored => this.#redrive(stored),
    })
  }

  /** @returns false if `takeBack` accepts the message, so that it becomes no dead letter */
  addDeadLetter(key: string, item: Item, error: unknown): boolean {
    // A dead letter's own failure does not make a new one.
    if (item.envelope.topic.startsWith('$dead/')) return true
    const stored = this.#queue.write(key, item, error, this.#messages.now())
    if (this.#takeBack(stored.letter, stored.envelope, error)) return false
    this.#queue.keep(stored)
    this.#owner.publish(`$dead/${key}`, noHeaders, () => this.#wrap(stored.letter, stored.envelope))
    return true
  }

  close(): void {
    this.#queue.close()
  }

  /**
   * Replays it to its subscription.
   *
   * @returns false if that subscription is gone
   */
  #redrive({ envelope, letter }: StoredDeadLetter): boolean {
    const subscription = this.#registry.byKey(letter.subscription)
    subscription?.redrive(envelope)
    return subscription !== undefined
  }
}
