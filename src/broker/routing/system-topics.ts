import { noHeaders, type Envelope, type Headers } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import type { Lifetime } from '../lifecycle/lifetime.js'
import type { Registry } from '../lifecycle/registry.js'
import type { Subscription } from '../subscription/subscription.js'
import type { Dispatcher } from './dispatcher.js'
import type { MessageFactory } from './message-factory.js'

/** A body that is encoded only if a subscription wants it. */
export type MakeBody = () => { body: unknown; size: number; encoding: Encoding }

/** The parts of a broker for its system topics, which begin with `$`. */
export interface SystemTopicsOptions {
  readonly registry: Registry
  readonly dispatcher: Dispatcher
  readonly messages: MessageFactory
  readonly lifetime: Lifetime
}

/** Publishes on system topics. A closed broker publishes nothing there. */
export class SystemTopics {
  readonly #options: SystemTopicsOptions

  constructor(options: SystemTopicsOptions) {
    this.#options = options
  }

  /**
   * Encodes the body only if a subscription or another host wants it, or `unrouted` may keep it.
   *
   * @param unrouted gets it if none wants it. Returns whether it keeps it
   * @returns false if none wants or keeps it
   */
  publish(
    topic: string,
    headers: Headers,
    make: MakeBody,
    unrouted?: (envelope: Envelope) => boolean,
  ): boolean {
    const { registry, messages, lifetime } = this.#options
    if (lifetime.isClosed) return false
    const targets = registry.routes.match(topic)
    if (targets.length === 0 && unrouted === undefined) return false
    const { body, size, encoding } = make()
    const envelope = messages.envelope(topic, headers, body, size, encoding)
    if (targets.length === 0) return unrouted?.(envelope) === true
    this.#announce(envelope, targets)
    return true
  }

  /** For the subscribers of this host alone. */
  publishHere(topic: string, payload: unknown): void {
    const { registry, messages, lifetime } = this.#options
    if (lifetime.isClosed) return
    const targets = registry.routes.match(topic).filter(target => registry.has(target))
    if (targets.length === 0) return
    this.#announce(messages.envelope(topic, noHeaders, payload, 0, Encoding.Value), targets)
  }

  /** Soon: never inside the call that made the news. */
  #announce(envelope: Envelope, targets: readonly Subscription[]): void {
    const { dispatcher } = this.#options
    dispatcher.enqueue(envelope, targets)
    dispatcher.schedule()
  }
}
