import { MsgvanError } from '../../errors.js'
import { Envelope } from '../../message/envelope.js'
import { expiring } from './expiry.js'
import { newId } from '../../message/new-id.js'
import type { Timers } from '../clock/timers.js'
import {
  comesBefore,
  DELAYED_BYTES,
  type Delayed,
  type DelayKeeper,
  type Firing,
  type Place,
} from './delayed.js'
import { DueQueue } from './due-queue.js'

/** The most messages that fire before other work has its turn. */
const BATCH = 500
/** The wall clock may be set forward meanwhile. */
const LOOK_AGAIN_MS = 60_000
/** After a failed write, or when the van takes nothing. */
const TRY_AGAIN_MS = 1_000

export interface AgendaOptions {
  readonly timers: Timers
  readonly wallClock: () => number
  /** Default: all is in memory. */
  readonly keeper?: DelayKeeper | undefined
  /** Begins the name of the publisher of fired messages. */
  readonly publisherPrefix: string
  /** Publishes a message that is due. Its publisher learns of nothing any more. */
  readonly accept: (envelope: Envelope) => undefined | Promise<void> | MsgvanError
  /** It is published. */
  readonly fired: (message: Delayed) => void
  /** It could not be written, and is owed no longer. */
  readonly refused: (message: Delayed) => void
  /** Counts the memory of delayed messages. */
  readonly used: (bytes: number) => void
}

/** The delayed messages of a van: publishes each when it is due, and never earlier. */
export class Agenda {
  readonly #options: AgendaOptions
  readonly #keeper: DelayKeeper | undefined
  readonly #byTime: DueQueue
  readonly #byWall: DueQueue
  readonly #publisher: string
  #sequence = 0
  #lastOrder = 0
  #count = 0
  #bytes = 0
  /** They are due, and get published. */
  #firing: readonly Delayed[] = []
  #isFiring = false
  #hasEnded = false
  /** The delay of `begin` is over. In memory `begin` need not be called. */
  #isOpen: boolean
  #callOff: (() => void) | undefined
  #armedFor = Infinity
  #disarm: (() => void) | undefined

  constructor(options: AgendaOptions) {
    const { keeper } = options
    this.#options = options
    this.#keeper = keeper
    this.#isOpen = keeper === undefined
    const elapsedAt = (due: number): number => options.timers.now() + Math.max(0, due - options.wallClock())
    this.#byTime = new DueQueue(false, keeper, elapsedAt)
    this.#byWall = new DueQueue(true, keeper, elapsedAt)
    this.#publisher = options.publisherPrefix + newId()
    if (keeper === undefined) return
    keeper.refused = messages => {
      for (const message of messages) {
        this.#queueOf(message).remove(message)
        options.refused(message)
      }
    }
    keeper.unfired = messages => {
      for (const message of messages) this.#queueOf(message).add(message)
      this.#lookIn(TRY_AGAIN_MS)
    }
  }

  get count(): number {
    return this.#keeper?.count ?? this.#count
  }

  /** Of payloads. */
  get bytes(): number {
    return this.#keeper?.bytes ?? this.#bytes
  }

  /** Those in the store included. */
  *all(): Generator<Delayed> {
    for (const queue of [this.#byTime, this.#byWall]) yield* queue.all()
  }

  newOrder(): number {
    if (this.#keeper !== undefined) return this.#keeper.newOrder()
    this.#lastOrder += 1
    return this.#lastOrder
  }

  add(message: Delayed): void {
    this.#lastOrder = Math.max(this.#lastOrder, message.order)
    if (this.#keeper === undefined) this.#counted(message, 1)
    else this.#keeper.add(message)
    this.#queueOf(message).add(message)
    if (this.#waitOf(message) < this.#armedFor - this.#options.timers.now()) this.#arm()
  }

  /** @returns the message that will not be published; undefined: it is too late */
  cancel(place: Place | Delayed): Delayed | undefined {
    const message = this.#keeper === undefined ? (place as Delayed) : this.#keeper.find(place)
    if (message === undefined || this.#firing.some(each => isSame(each, message))) return undefined
    this.#queueOf(message).remove(message)
    if (this.#keeper === undefined) this.#counted(message, -1)
    else this.#keeper.cancel(message)
    // No timer keeps the process alive for a message that is gone.
    this.#arm()
    return message
  }

  /**
   * The messages of an earlier process are due from now on.
   *
   * @param delay until the first one, so that consumers are back
   */
  begin(delay: number): void {
    if (this.#isFiring) return
    this.#isOpen = false
    this.#callOff?.()
    this.#callOff = this.#options.timers.after(delay, () => {
      this.#isOpen = true
      const begun = this.#keeper?.begun()
      if (begun === undefined) return this.#look()
      this.#begun(begun.messages)
      this.#fire(begun)
    })
  }

  close(): void {
    this.#hasEnded = true
    this.#disarm?.()
    this.#options.used(-this.#count * DELAYED_BYTES - this.#bytes)
    this.#byTime.clear()
    this.#byWall.clear()
  }

  #queueOf({ isByWall }: Place): DueQueue {
    return isByWall ? this.#byWall : this.#byTime
  }

  #counted({ envelope: { size } }: Delayed, by: 1 | -1): void {
    this.#count += by
    this.#bytes += by * size
    this.#options.used(by * (size + DELAYED_BYTES))
  }

  #waitOf({ due, elapsed }: Delayed): number {
    const { timers, wallClock } = this.#options
    return elapsed === undefined ? due - wallClock() : elapsed - timers.now()
  }

  #arm(): void {
    if (!this.#isOpen || this.#isFiring || this.#hasEnded) return
    const [byTime, byWall] = [this.#byTime.first, this.#byWall.first]
    const wait = Math.min(
      byTime === undefined ? Infinity : this.#waitOf(byTime),
      byWall === undefined ? Infinity : Math.min(LOOK_AGAIN_MS, this.#waitOf(byWall)),
    )
    if (wait < Infinity) return this.#lookIn(Math.max(0, wait))
    this.#disarm?.()
    this.#armedFor = Infinity
  }

  #lookIn(delay: number): void {
    const { timers } = this.#options
    this.#disarm?.()
    this.#armedFor = timers.now() + delay
    this.#disarm = timers.after(delay, () => {
      this.#armedFor = Infinity
      this.#look()
    })
  }

  #look(): void {
    if (!this.#isOpen || this.#isFiring || this.#hasEnded) return
    const messages = this.#takeDue()
    if (messages.length === 0) return this.#arm()
    this.#begun(messages)
    const firing = { publisher: this.#publisher, first: this.#sequence + 1, messages }
    this.#sequence += messages.length
    const kept = this.#keeper?.begin(firing)
    if (kept === undefined) return this.#fire(firing)
    kept.then(
      () => this.#fire(firing),
      () => this.#giveBack(messages),
    )
  }

  #begun(messages: readonly Delayed[]): void {
    this.#isFiring = true
    this.#firing = messages
  }

  #over(): void {
    this.#isFiring = false
    this.#firing = []
  }

  #takeDue(): Delayed[] {
    const due: Delayed[] = []
    while (due.length < BATCH) {
      const next = this.#nextDue()
      if (next === undefined) break
      this.#queueOf(next).shift()
      due.push(next)
    }
    return due
  }

  #nextDue(): Delayed | undefined {
    const due = [this.#byTime.first, this.#byWall.first].filter(
      (first): first is Delayed => first !== undefined && this.#waitOf(first) <= 0,
    )
    return due.sort((a, b) => (comesBefore(a, b) ? -1 : 1))[0]
  }

  #fire({ publisher, first, messages }: Firing): void {
    if (this.#hasEnded) return
    for (const [at, message] of messages.entries()) {
      const outcome = this.#options.accept(this.#dueNow(message, publisher, first + at))
      if (outcome instanceof MsgvanError) return this.#giveBack(messages.slice(at))
      // Its subscriptions have it. No publisher waits for their room.
      outcome?.catch(() => undefined)
      if (this.#keeper === undefined) this.#counted(message, -1)
      else this.#keeper.fired(message)
      this.#options.fired(message)
    }
    this.#keeper?.ended()
    this.#over()
    this.#lookIn(0)
  }

  #dueNow({ envelope, due, elapsed, ttl }: Delayed, publisher: string, sequence: number): Envelope {
    const { topic, timestamp, content, size, encoding, offset, block } = envelope
    // Without a restart or a change of the wall clock both are the same.
    const from = elapsed === undefined ? due : this.#options.wallClock()
    const headers = ttl === undefined ? envelope.headers : expiring(envelope.headers, from + ttl)
    return new Envelope(
      publisher,
      sequence,
      topic,
      headers,
      timestamp,
      content,
      size,
      encoding,
      offset,
      block,
    )
  }

  #giveBack(messages: readonly Delayed[]): void {
    for (const message of messages) this.#queueOf(message).add(message)
    this.#over()
    if (!this.#hasEnded) this.#lookIn(TRY_AGAIN_MS)
  }
}

function isSame(a: Place, b: Place): boolean {
  return a.order === b.order && a.due === b.due
}
