import { LRUCache } from 'lru-cache'
import { linearMatcher } from '../broker/linear-matcher.js'
import { LocalBroker } from '../broker/local-broker.js'
import { monotonicScheduler } from '../broker/monotonic-scheduler.js'
import type { HostStatus } from '../bus/status.js'
import { Encoding } from '../message/envelope.js'
import { encodeLetter } from '../message/payload.js'

/** So many publishers that went are remembered, so that what they publish again makes no duplicates. */
const PUBLISHERS_REMEMBERED = 10_000

/** One van in this host: its broker, and how far each publisher that is gone has come. */
export class Van {
  readonly broker: LocalBroker
  readonly #lastSequences = new LRUCache<string, number>({ max: PUBLISHERS_REMEMBERED })

  constructor(
    readonly name: string,
    hostStatus: () => HostStatus,
  ) {
    this.broker = new LocalBroker({
      van: name,
      scheduler: monotonicScheduler,
      compile: linearMatcher,
      hostStatus,
      wrapLetter: (letter, envelope) => {
        const body = encodeLetter({ ...letter, payload: envelope.body }, envelope.encoding)
        return { body, size: body.length, encoding: Encoding.Letter }
      },
    })
  }

  /** The last message that this van took over from a publisher whose session ended. */
  lastSequence(publisher: string): number {
    return this.#lastSequences.get(publisher) ?? 0
  }

  remember(publisher: string, sequence: number): void {
    if (sequence > 0) this.#lastSequences.set(publisher, sequence)
  }
}

/** A host's vans: made when first asked for, dropped when nobody is there and nothing waits. */
export class Vans {
  readonly #hostStatus: () => HostStatus
  readonly #vans = new Map<string, Van>()

  constructor(hostStatus: () => HostStatus) {
    this.#hostStatus = hostStatus
  }

  get(name: string): Van {
    let van = this.#vans.get(name)
    if (van === undefined) {
      van = new Van(name, this.#hostStatus)
      this.#vans.set(name, van)
    }
    return van
  }

  get names(): string[] {
    return [...this.#vans.keys()]
  }

  /** No subscription, no dead letter, no publish that waits, in any of them. */
  get isIdle(): boolean {
    return [...this.#vans.values()].every(({ broker }) => broker.isIdle)
  }

  /** @param isUsed whether somebody is connected to it */
  sweep(isUsed: (name: string) => boolean): void {
    for (const [name, { broker }] of this.#vans) {
      if (!broker.isIdle || isUsed(name)) continue
      this.#vans.delete(name)
      void broker.close({ drain: false })
    }
  }

  async close(): Promise<void> {
    const vans = [...this.#vans.values()]
    this.#vans.clear()
    await Promise.all(vans.map(({ broker }) => broker.close({ drain: false })))
  }
}
