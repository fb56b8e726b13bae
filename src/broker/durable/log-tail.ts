import type { Unread } from '../subscription/backpressure.js'
import type { Item } from '../subscription/backlog/item.js'
import type { DurableLog, LogReader } from './durable-log.js'
import type { Wants } from '../wanting.js'
import { placeOf, type StoredEnvelope } from './stored-envelope.js'

export interface LogTailOptions {
  readonly durableLog: Pick<DurableLog, 'read' | 'isTight'>
  readonly wants: Wants
  /** The place in the log where the rest begins. */
  readonly from: number
  /** Matches before this place are not counted. */
  readonly liveFrom: number
  /** From `liveFrom` up to here nothing is pending. */
  readonly droppedThrough: number
  /** The number of pending messages after `from`. */
  readonly unread: number
  /** Bytes of their payloads. */
  readonly unreadBytes: number
}

/** The pending messages of one subscription that only the log has. It counts them, all but those of a replay. */
export class LogTail implements Unread {
  /** Reads them from here on; undefined: all pending messages are in memory. */
  reader: LogReader | undefined
  readonly #options: LogTailOptions
  #count: number
  #bytes: number
  /** The last place that counts. */
  #through = 0

  constructor(options: LogTailOptions) {
    this.#options = options
    this.#count = options.unread
    this.#bytes = options.unreadBytes
    if (options.unread > 0 || this.#options.from < options.liveFrom)
      this.reader = options.durableLog.read(options.from)
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** It begins with a replay, which has no count. */
  get hasReplay(): boolean {
    return this.reader !== undefined && this.reader.at < this.#options.liveFrom
  }

  /**
   * A message arrived at this place that the caller does not keep.
   *
   * @returns whether it is the first one: all before it are in memory
   */
  add(at: number, { envelope }: Item): boolean {
    const isFirst = this.reader === undefined
    this.reader ??= this.#options.durableLog.read(at)
    this.#count += 1
    this.#bytes += envelope.size
    this.#through = at
    return isFirst
  }

  /** One of the counted messages is in memory now. */
  wasRead({ size }: StoredEnvelope): void {
    this.#count -= 1
    this.#bytes = this.#count === 0 ? 0 : Math.max(0, this.#bytes - size)
  }

  /**
   * The log has no more.
   *
   * @returns the messages that were counted and are missing from the log
   */
  end(): { readonly count: number; readonly bytes: number } {
    const missing = { count: this.#count, bytes: this.#bytes }
    this.#count = this.#bytes = 0
    return missing
  }

  /** Reads the counted messages, apart from the queue. */
  *all(): Generator<StoredEnvelope> {
    const { durableLog, wants, liveFrom, droppedThrough } = this.#options
    const reader = durableLog.read(Math.max(this.reader?.at ?? 0, liveFrom, droppedThrough + 1))
    for (let left = this.#count; left > 0;) {
      const before = reader.at
      const envelope = reader.next(wants)
      if (envelope === undefined && reader.at === before) return
      if (envelope === undefined) continue
      left -= 1
      yield envelope
    }
  }

  *sizes(): Generator<number> {
    for (const { size } of this.all()) yield size
  }

  /**
   * Forgets messages that could not be written.
   *
   * @returns the number of them that counted
   */
  forget(refused: readonly StoredEnvelope[]): number {
    const { reader } = this
    if (reader === undefined) return 0
    const { wants, liveFrom } = this.#options
    const from = Math.max(reader.at, liveFrom)
    const forgotten = refused.filter(
      ({ at, topic, headers }) => at >= from && at <= this.#through && wants(topic, headers, at),
    )
    this.#count -= forgotten.length
    for (const { size } of forgotten) this.#bytes -= size
    return forgotten.length
  }

  clear(): void {
    this.reader = undefined
    this.#count = this.#bytes = 0
  }

  /** It is from before its subscription began. */
  isReplay({ envelope }: Item): boolean {
    const at = placeOf(envelope)
    return at !== undefined && at > 0 && at < this.#options.liveFrom
  }
}
