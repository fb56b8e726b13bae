import type { Envelope } from '../../message/envelope.js'
import type { Timers } from '../clock/timers.js'
import type { Agenda } from './agenda.js'
import { MemoryIds, type IdKeeper } from './known-ids.js'
import type { Delayed } from './delayed.js'

/** A delayed message on its way to the next process. */
export interface HandedDelayed {
  /** It is due by the wall clock (`at`), not after a time (`delay`). */
  readonly isByWall: boolean
  /** Milliseconds since the epoch, with fractions: they keep the order. */
  readonly due: number
  /** The key of its id, if it has one. */
  readonly id?: string | undefined
  readonly ttl?: number | undefined
  readonly envelope: Envelope
}

/** An id on its way to the next process. Its message was accepted, or fired. */
export interface HandedId {
  readonly key: string
  readonly topic: string
  /** Milliseconds since then. */
  readonly age: number
}

export interface RulesTransferOptions {
  readonly timers: Timers
  readonly wallClock: () => number
  readonly agenda: Agenda
  readonly ids: IdKeeper
  /** The clock of remembered ids. */
  readonly now: () => number
  readonly delay: (message: Omit<Delayed, 'order' | 'isByWall'>) => void
}

/** Moves delayed messages and ids from one process to the next, when no store keeps them. */
export class RulesTransfer {
  readonly #options: RulesTransferOptions
  /** Added to the clock that only goes forward, it gives the time of day. One value for all messages keeps their order. */
  #epoch: number | undefined
  /** Messages that an earlier process took in before it died. */
  #here: ReadonlySet<string> | undefined

  constructor(options: RulesTransferOptions) {
    this.#options = options
  }

  /** The delayed messages in memory, in the order in which they were accepted. */
  delayed(): HandedDelayed[] {
    const { timers, wallClock, agenda } = this.#options
    const now = timers.now()
    // The wall clock counts whole milliseconds: one more, so that none is early.
    const ahead = wallClock() - now + 1
    return [...agenda.all()]
      .sort((a, b) => a.order - b.order)
      .map(({ isByWall, due, elapsed, id, ttl, envelope }) => ({
        ...{ isByWall, id, ttl, envelope },
        due: elapsed === undefined ? due : elapsed + ahead,
      }))
  }

  /** The ids in memory whose messages are not delayed. */
  *known(): Generator<HandedId> {
    const { ids, now } = this.#options
    if (!(ids instanceof MemoryIds)) return
    for (const [key, { topic, at, delayed }] of ids.all())
      if (delayed === undefined) yield { key, topic, age: now() - at }
  }

  /**
   * Continues with a delayed message of another process.
   *
   * @returns whether it is new here
   */
  owes({ isByWall, due, id, ttl, envelope }: HandedDelayed): boolean {
    const { timers, wallClock, agenda, delay } = this.#options
    this.#epoch ??= wallClock() - timers.now()
    this.#here ??= new Set(Array.from(agenda.all(), each => each.envelope.id))
    if (this.#here.has(envelope.id)) return false
    delay({ due: Math.ceil(due), elapsed: isByWall ? undefined : due - this.#epoch, ttl, envelope, id })
    return true
  }

  /** Continues with an id of another process. */
  knows({ key, topic, age }: HandedId): void {
    const { ids, now } = this.#options
    ids.remember(key, { topic, at: now() - age })
  }
}
