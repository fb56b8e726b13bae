import { InvalidOptionError, LimitError, MsgvanError } from '../../errors.js'
import type { Encoding } from '../../codec/encoding.js'
import { caught, refusedWith } from '../../bus/caught.js'
import type { PublishRules } from '../../bus/contract/options.js'
import { Envelope, type Headers } from '../../message/envelope.js'
import { expiring } from './expiry.js'
import { newId } from '../../message/new-id.js'
import type { Timers } from '../clock/timers.js'
import { closedError } from '../refusals.js'
import { Agenda, type AgendaOptions } from './agenda.js'
import { DELAYED_BYTES, type Delayed, type DelayKeeper } from './delayed.js'
import { isMark, keyOfId, keyOfMark, MemoryIds, type IdKeeper } from './known-ids.js'
import { RulesTransfer } from './rules-transfer.js'

/** The time during which the same id again is the same message. */
export const DEFAULT_DEDUPE_MS = 120_000

/** In memory: the bytes of delayed messages, and their number. */
const MOST_DELAYED_BYTES = 256 * 1024 * 1024
const MOST_DELAYED = 10_000_000

/** Ids are forgotten in steps, with at least this time between them. */
const FORGET_EVERY_MS = 1_000

/** A message without its identity. */
export interface Draft {
  readonly topic: string
  readonly headers: Headers
  readonly body: unknown
  readonly size: number
  readonly encoding: Encoding
}

/** The rules of a publish, and what its client made for repetitions. */
export interface GivenRules extends PublishRules {
  /** Unique in the van. */
  readonly mark?: string | undefined
}

/** Delayed messages and ids beyond this process. */
export interface RulesKeeper {
  readonly delays: DelayKeeper
  readonly ids: IdKeeper
}

export interface RuledPublisherOptions {
  readonly timers: Timers
  readonly wallClock: () => number
  readonly publisherPrefix: string
  readonly dedupe: number
  readonly keeper?: RulesKeeper | undefined
  /** Whether the van takes nothing more. */
  readonly refuses: () => boolean
  /** The memory of waiting messages has no room. */
  readonly isFull: () => boolean
  readonly used: (bytes: number) => void
  readonly accept: (envelope: Envelope) => undefined | Promise<void> | MsgvanError
  readonly acceptDue: AgendaOptions['accept']
}

/** Publishes that the van decides about: those with an id, and delayed ones. */
export class RuledPublisher {
  readonly #options: RuledPublisherOptions
  readonly agenda: Agenda
  readonly transfer: RulesTransfer
  readonly #ids: IdKeeper
  /** By key: publishes that are not taken over yet. The same id again has their outcome. */
  readonly #open = new Map<string, Promise<void>>()
  /** Added to the clock that only goes forward, it gives the time of day at the start. */
  readonly #epoch: number
  #forgotAt = -Infinity
  readonly #publisher: string
  #sequence = 0

  constructor(options: RuledPublisherOptions) {
    const { keeper, timers, wallClock, publisherPrefix, acceptDue, used } = options
    this.#options = options
    this.#ids = keeper?.ids ?? new MemoryIds()
    this.#publisher = publisherPrefix + newId()
    this.#epoch = wallClock() - timers.now()
    this.agenda = new Agenda({
      ...{ timers, wallClock, publisherPrefix, used },
      keeper: keeper?.delays,
      accept: acceptDue,
      fired: ({ id, envelope: { topic } }) => {
        if (id !== undefined) this.#remember(id, topic)
      },
      refused: ({ id }) => {
        if (id !== undefined) this.#ids.forget(id)
      },
    })
    this.transfer = new RulesTransfer({
      ...{ timers, wallClock, agenda: this.agenda, ids: this.#ids },
      now: () => this.#now(),
      delay: message => this.#delay(message),
    })
  }

  /** No message is delayed, and no id is remembered. */
  get isIdle(): boolean {
    this.#forgetOld()
    return this.agenda.count === 0 && this.#ids.size === 0
  }

  /**
   * @returns undefined when the van owes it, as `LocalBroker.accept`
   */
  publish(draft: Draft, rules: GivenRules): undefined | Promise<void> | MsgvanError {
    const { refuses } = this.#options
    if (refuses()) return closedError()
    const key =
      rules.id !== undefined
        ? keyOfId(rules.id)
        : rules.mark === undefined
          ? undefined
          : keyOfMark(rules.mark)
    if (key === undefined) return this.#take(draft, rules, undefined)
    this.#forgetOld()
    const known = this.#ids.find(key)
    if (known !== undefined && !this.#isOver(known)) {
      if (known.topic !== draft.topic) return otherTopic(rules.id)
      return this.#open.get(key)
    }
    if (this.#ids.isFull) return isMark(key) ? this.#take(draft, rules, undefined) : idsFull()
    return this.#take(draft, rules, key)
  }

  /** For a bus in this process. */
  publishHere(draft: Draft, rules: PublishRules, refused?: (error: unknown) => void): Promise<void> {
    const outcome = this.publish(draft, rules)
    return outcome instanceof MsgvanError
      ? refusedWith(outcome, refused)
      : caught(outcome ?? Promise.resolve(), refused)
  }

  /** The topic of a delayed message. */
  topicOf(id: string): string | undefined {
    const known = this.#ids.find(keyOfId(id))
    return known?.delayed === undefined ? undefined : known.topic
  }

  /** @returns whether it was delayed, and will not be published */
  cancel(id: string): boolean {
    const key = keyOfId(id)
    const delayed = this.#ids.find(key)?.delayed
    if (delayed === undefined || this.agenda.cancel(delayed) === undefined) return false
    this.#ids.forget(key)
    return true
  }

  #take(draft: Draft, rules: GivenRules, key: string | undefined): undefined | Promise<void> | MsgvanError {
    const { timers, wallClock } = this.#options
    const { delay, at, ttl } = rules
    const wait = delay ?? (at === undefined ? 0 : at - wallClock())
    if (wait > 0) {
      const elapsed = delay === undefined ? undefined : timers.now() + delay
      return this.#takeLater(draft, { due: at ?? Math.ceil(wallClock() + wait), elapsed, ttl, id: key })
    }
    const from = at ?? wallClock()
    const outcome = this.#options.accept(this.#envelope(draft, ttl === undefined ? undefined : from + ttl))
    if (key === undefined || outcome instanceof MsgvanError) return outcome
    this.#remember(key, draft.topic)
    if (outcome !== undefined) this.#follow(key, outcome)
    return outcome
  }

  #takeLater(draft: Draft, rules: Pick<Delayed, 'due' | 'elapsed' | 'ttl' | 'id'>): MsgvanError | undefined {
    const { isFull, keeper } = this.#options
    const { count, bytes } = this.agenda
    const isTooMuch =
      isFull() || count >= MOST_DELAYED || bytes + count * DELAYED_BYTES + draft.size > MOST_DELAYED_BYTES
    if (keeper === undefined && isTooMuch) return delayedFull(count)
    this.#delay({ ...rules, envelope: this.#envelope(draft) })
    return undefined
  }

  #delay(rules: Omit<Delayed, 'order' | 'isByWall'>): void {
    const { id: key, elapsed, envelope } = rules
    const message = { ...rules, isByWall: elapsed === undefined, order: this.agenda.newOrder() }
    this.agenda.add(message)
    if (key !== undefined) this.#ids.remember(key, { topic: envelope.topic, delayed: message, at: 0 })
  }

  #envelope({ topic, headers, body, size, encoding }: Draft, expires?: number): Envelope {
    const all = expires === undefined ? headers : expiring(headers, expires)
    this.#sequence += 1
    return new Envelope(
      this.#publisher,
      this.#sequence,
      topic,
      all,
      this.#options.wallClock(),
      body,
      size,
      encoding,
    )
  }

  /** If the van refuses it after all, its id is free. */
  #follow(key: string, outcome: Promise<void>): void {
    this.#open.set(key, outcome)
    outcome.then(
      () => this.#open.delete(key),
      () => {
        this.#open.delete(key)
        this.#ids.forget(key)
      },
    )
  }

  #remember(key: string, topic: string): void {
    this.#ids.remember(key, { topic, at: this.#now() })
  }

  #isOver({ delayed, at }: { readonly delayed?: unknown; readonly at: number }): boolean {
    return delayed === undefined && at + this.#options.dedupe <= this.#now()
  }

  /** Goes on over restarts, and does not go back while this process lives. */
  #now(): number {
    return this.#epoch + this.#options.timers.now()
  }

  #forgetOld(): void {
    const now = this.#now()
    if (now - this.#forgotAt < FORGET_EVERY_MS && !this.#ids.isFull) return
    this.#forgotAt = now
    this.#ids.forgetBefore(now - this.#options.dedupe)
  }
}

function otherTopic(id = ''): InvalidOptionError {
  return new InvalidOptionError(
    `The id ${JSON.stringify(id)} was published with another topic. Give each message an id of its own.`,
  )
}

function idsFull(): LimitError {
  return new LimitError(
    'The van remembers as many ids as it can. Publish again later, without an id, or give its host a shorter --dedupe.',
  )
}

function delayedFull(count: number): LimitError {
  return new LimitError(
    `${count} messages are delayed, and this van has no memory for more. Publish again later, or start its host with --store.`,
  )
}
