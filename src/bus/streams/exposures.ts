import type { ObservableInput } from 'rxjs'
import { defer } from 'rxjs/internal/observable/defer'
import { Subscription } from 'rxjs/internal/Subscription'
import type { Message } from '../../message/message.js'
import { EXPOSED } from '../../message/topic.js'
import type { Broker } from '../contract/broker.js'
import { FROM, inboxRequest, type ReplyInbox } from '../actors/reply-inbox.js'
import { ObservingBus, type Exposure } from './observing-bus.js'
import { STREAM } from './stream-messages.js'

export type Factory = (args: unknown) => ObservableInput<unknown>

/** The exposures of one bus, and the buses that observe them. */
export class Exposures {
  readonly #broker: Broker
  readonly #inbox: ReplyInbox
  readonly #exposed = new Set<Subscription>()
  readonly #observers = new Map<string, ObservingBus>()

  constructor(broker: Broker, inbox: ReplyInbox) {
    this.#broker = broker
    this.#inbox = inbox
  }

  get isIdle(): boolean {
    return this.#observers.size === 0
  }

  /**
   * Buses that expose the same name share its observers: each observer gets one of them.
   *
   * @param began called when one is observed
   */
  expose(name: string, factory: Factory, began: () => void): Subscription {
    const topic = EXPOSED + name
    const exposed: Exposure = { name }
    const exposure = new Subscription()
    const membership = this.#broker.consume(
      { ...inboxRequest(topic), name: topic },
      {
        next: message => {
          this.#begin(exposed, factory, message)
          message.ack()
          began()
        },
        error: error => {
          this.#broker.report(error)
          exposure.unsubscribe()
        },
        complete: () => exposure.unsubscribe(),
      },
    )
    this.#exposed.add(exposure)
    exposure.add(() => {
      this.#exposed.delete(exposure)
      membership.leave('unsubscribe')
      this.#withdraw(exposed)
    })
    return exposure
  }

  #begin(exposure: Exposure, factory: Factory, question: Message): void {
    const { [FROM]: from, [STREAM]: id } = question.headers
    if (from === undefined || id === undefined) return
    const observer = this.#observers.get(from) ?? this.#observer(from)
    this.#observers.set(from, observer)
    const source$ = defer(() => factory(question.payload))
    observer.begin(id, exposure, source$)
  }

  cancel(from: string, id: string): void {
    this.#observers.get(from)?.cancel(id)
  }

  gone(address: string): void {
    this.#observers.get(address)?.gone()
  }

  /** A bus sends which streams it observes here. If one of them is missing here, this sends back which ones run. */
  compare(address: string, ids: readonly string[]): void {
    const observer = this.#observers.get(address) ?? this.#observer(address)
    if (!ids.every(id => observer.has(id))) observer.sendRunning()
  }

  /** Called from time to time: checks that the observing buses are there. */
  look(): void {
    for (const [address, observer] of this.#observers)
      if (observer.isDone || !observer.look()) this.#observers.delete(address)
  }

  /** Its bus closes: begins nothing more while the bus drains, and sends the last messages at once. */
  close(): void {
    for (const exposed of [...this.#exposed]) exposed.unsubscribe()
    for (const observer of this.#observers.values()) observer.flush()
  }

  #withdraw(exposure: Exposure): void {
    for (const observer of this.#observers.values()) observer.withdraw(exposure)
  }

  #observer(address: string): ObservingBus {
    return new ObservingBus(address, this.#inbox, error => this.#broker.report(error))
  }
}
