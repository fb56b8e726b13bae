import type { DeadLetterFilter } from '../bus/dead-letters.js'
import { noHeaders, type Envelope } from '../message/envelope.js'
import { DeadLetterBox, type Buried } from './dead-letter-box.js'
import { DeadLetterView, unwrappedLetter } from './dead-letter-view.js'
import type { Item } from './item.js'
import type { LocalBrokerOptions, WrapLetter } from './local-broker-options.js'
import type { Registry } from './registry.js'
import type { Stamp } from './stamp.js'
import type { Subscription } from './subscription.js'

/** What a dead letter office needs of the broker around it. */
export interface DeadLetterOfficeOwner {
  /** @throws ClosedError */
  checkOpen(): void
  /** Publishes the news of a dead letter, soon. */
  announce(envelope: Envelope, targets: readonly Subscription[]): void
}

/** Takes what subscriptions give up on: keeps it, tells those who listen on `$dead/…`, and sends it back when asked to. */
export class DeadLetterOffice {
  readonly #box: DeadLetterBox
  readonly #owner: DeadLetterOfficeOwner
  readonly #registry: Registry
  readonly #stamp: Stamp
  readonly #wrap: WrapLetter

  constructor(
    owner: DeadLetterOfficeOwner,
    registry: Registry,
    stamp: Stamp,
    { wrapLetter = unwrappedLetter, keeper }: Pick<LocalBrokerOptions, 'wrapLetter' | 'keeper'>,
  ) {
    this.#owner = owner
    this.#registry = registry
    this.#stamp = stamp
    this.#wrap = wrapLetter
    this.#box = new DeadLetterBox(keeper)
  }

  get size(): number {
    return this.#box.size
  }

  list(filter?: DeadLetterFilter): Buried[] {
    return this.#box.list(filter)
  }

  /** Kept from before the start. */
  restore(letters: Iterable<Buried>): void {
    this.#box.restore(letters)
  }

  view(): DeadLetterView {
    return new DeadLetterView(this.#box, {
      check: () => this.#owner.checkOpen(),
      replayOne: buried => this.#replay(buried),
    })
  }

  /** @returns whether another one had to go to make room */
  bury(subscription: Subscription, item: Item, error: unknown): boolean {
    // A dead letter's own failure makes no new one.
    if (item.envelope.topic.startsWith('$dead/')) return false
    const { buried, pushedOut } = this.#box.bury(subscription, item, error, this.#stamp.now())
    this.#announce(subscription.key, buried)
    return pushedOut !== undefined
  }

  close(): void {
    this.#box.close()
  }

  #announce(key: string, { envelope, letter }: Buried): void {
    const topic = `$dead/${key}`
    const targets = this.#registry.routes.match(topic)
    if (targets.length === 0) return
    const { body, size, encoding } = this.#wrap(letter, envelope)
    this.#owner.announce(this.#stamp.envelope(topic, noHeaders, body, size, encoding), targets)
  }

  /** Back to the subscription that it came from, if that is still there. */
  #replay({ envelope, letter }: Buried): boolean {
    const subscription = this.#registry.byKey(letter.subscription)
    subscription?.replay(envelope)
    return subscription !== undefined
  }
}
