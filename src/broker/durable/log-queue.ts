import type { Envelope } from '../../message/envelope.js'
import type { Separator } from '../memory/separator.js'
import type { Unread } from '../subscription/backpressure.js'
import { Item } from '../subscription/backlog/item.js'
import type { LogReader } from './durable-log.js'
import { LogTail, type LogTailOptions } from './log-tail.js'
import { placeOf, type StoredEnvelope } from './stored-envelope.js'
import { PendingQueue } from '../subscription/backlog/pending-queue.js'

/** The most pending messages in memory. The queue reads the others when it is their turn. */
const WINDOW = 1_000
const WINDOW_BYTES = 4 * 1024 * 1024
/** Messages behind a replay have orders after those of the replay, and before those of arriving messages. */
const FIRST_BEHIND = -(2 ** 50)

export interface LogQueueOptions extends LogTailOptions {
  /** The messages before all others. */
  readonly first: readonly Item[]
  /** See `LogQueue.isWhole`. */
  readonly isWhole: boolean
  /** There is more to read, at another time. */
  readonly readLater?: () => void
  /** Its subscription has messages in hand. It asks again when they are settled. */
  readonly isWorking?: () => boolean
  /** Some counted messages are missing from the log. */
  readonly areMissing?: (count: number, bytes: number) => void
}

/** A pending queue whose end is on the disk once it is long: a million messages cost no memory. */
export class LogQueue extends PendingQueue {
  /** Holds every arriving message in memory, because a drop may take it from either end. */
  isWhole: boolean
  readonly #options: LogQueueOptions
  /** The pending messages behind those in memory. */
  readonly #tail: LogTail
  /** When all is in memory: the messages that arrive while a replay is still before them. */
  readonly #behind = new PendingQueue()
  /** The number of replayed messages in memory. */
  #replays = 0
  #replayBytes = 0
  /** The order of the next message that it reads. Orders from before the start are negative. */
  #readOrder = -(2 ** 51)

  constructor(options: LogQueueOptions) {
    super()
    this.#options = options
    this.isWhole = options.isWhole
    this.#tail = new LogTail(options)
    for (const item of options.first) this.#add(item)
  }

  override get length(): number {
    return super.length + this.#tail.count + this.#behind.length + (this.#tail.hasReplay ? 1 : 0)
  }

  override get bytes(): number {
    return super.bytes + this.#tail.bytes + this.#behind.bytes
  }

  override get replaying(): number {
    return this.#replays + (this.#tail.hasReplay ? 1 : 0)
  }

  override get replayingBytes(): number {
    return this.#replayBytes
  }

  override isUncounted(item: Item): boolean {
    return this.#tail.isReplay(item)
  }

  override get readTo(): number {
    return this.#tail.reader?.at ?? 0
  }

  override get first(): Item | undefined {
    const { reader } = this.#tail
    if (super.length === 0 && reader !== undefined) this.#refill(reader)
    if (super.length === 0 && this.#tail.reader === undefined && this.#behind.length > 0) {
      for (const item of this.#behind) super.push(item)
      this.#behind.clear()
    }
    return super.first
  }

  override push(item: Item): void {
    const at = placeOf(item.envelope)
    // Dropped messages lie behind the reader's place, so it does not read them again.
    if (this.isWhole) this.#readAll()
    if (this.isWhole) this.#readBehind()
    if (this.isWhole && (this.replaying > 0 || this.#behind.length > 0)) return this.#behind.push(item)
    const isAllRead = this.#tail.reader === undefined
    if (at === undefined || at < 0 || (this.isWhole && isAllRead)) return super.push(item)
    if (isAllRead && super.length < WINDOW && super.bytes < WINDOW_BYTES) return super.push(item)
    if (this.#tail.add(at, item)) this.#readOrder = item.order
  }

  /** Reads everything except the replay, which may be endless. */
  #readAll(): void {
    for (
      let { reader } = this.#tail;
      reader !== undefined && reader.at >= this.#options.liveFrom;
      reader = this.#tail.reader
    ) {
      const before = reader.at
      this.#refill(reader, Infinity)
      if (this.#tail.reader === reader && reader.at === before) return
    }
  }

  /**
   * Reads the messages that have waited behind a replay since before the start. A drop takes the oldest of them first,
   * so they have to be in memory, before all that arrives now.
   */
  #readBehind(): void {
    if (this.#tail.count === 0 || !this.#tail.hasReplay) return
    let order = FIRST_BEHIND
    for (const envelope of this.#tail.all()) {
      this.#tail.wasRead(envelope)
      this.#behind.push(new Item(envelope, order))
      order += 1
    }
    this.#allRead()
  }

  /** The log has no more, also if the count was higher. */
  #allRead(): void {
    const { count, bytes } = this.#tail.end()
    if (count > 0) this.#options.areMissing?.(count, bytes)
  }

  /** Messages that count and that only the disk has. */
  get unread(): Unread {
    return this.#tail
  }

  override shift(): Item | undefined {
    if (this.first === undefined) return undefined
    const item = super.shift()
    if (item !== undefined) this.#count(item, -1)
    return item
  }

  override shiftOldest(): Item | undefined {
    if (this.replaying === 0) return this.shift()
    if (this.isWhole) this.#readBehind()
    return this.#shiftLive() ?? this.#behind.shift()
  }

  /** Messages read with the replay that are not part of it are older than later arrivals. */
  #shiftLive(): Item | undefined {
    if (super.length <= this.#replays) return undefined
    for (const item of super[Symbol.iterator]()) {
      if (this.#tail.isReplay(item)) continue
      this.removeAll(each => each === item)
      return item
    }
    return undefined
  }

  override restore(item: Item): void {
    this.#count(item, 1)
    super.restore(item)
  }

  override restoreAll(items: Item[]): void {
    // A few are restored one by one, and counted there.
    if (items.length >= 4) for (const item of items) this.#count(item, 1)
    super.restoreAll(items)
  }

  override *[Symbol.iterator](): Generator<Item> {
    yield* super[Symbol.iterator]()
    yield* this.#behind
  }

  /**
   * Removes messages that could not be written.
   * @param gone called for each that was in memory
   * @returns the number of them that were pending
   */
  forget(refused: readonly StoredEnvelope[], gone: (envelope: Envelope) => void): number {
    const places = new Set(refused.map(({ at }) => at))
    const isRefused = ({ envelope, deliveries }: Item): boolean => {
      const isGone = deliveries === 0 && places.has(placeOf(envelope) ?? 0)
      if (isGone) gone(envelope)
      return isGone
    }
    const removed = this.removeAll(isRefused) + this.#behind.removeAll(isRefused)
    return removed + this.#tail.forget(refused)
  }

  override separate(separator: Separator): void {
    super.separate(separator)
    this.#behind.separate(separator)
  }

  override clear(): void {
    super.clear()
    this.#behind.clear()
    this.#replays = this.#replayBytes = 0
    this.#tail.clear()
  }

  #count(item: Item, by: 1 | -1): void {
    if (!this.#tail.isReplay(item)) return
    this.#replays += by
    this.#replayBytes += by * item.envelope.size
  }

  #add(item: Item): void {
    this.#count(item, 1)
    super.push(item)
  }

  #refill(reader: LogReader, most = WINDOW): void {
    const { wants, liveFrom, droppedThrough, durableLog } = this.#options
    let read = 0
    const isTight = most === WINDOW && durableLog.isTight === true
    if (isTight && this.#options.isWorking?.() === true) return
    const mostNow = isTight ? 1 : most
    const mostBytes = most === WINDOW ? WINDOW_BYTES : Infinity
    while (read < mostNow && super.bytes < mostBytes) {
      const isLive = reader.at >= liveFrom
      if (isLive && this.#tail.count === 0) break
      const before = reader.at
      // Behind the replay lie the counted messages, and those dropped since.
      const envelope = reader.next(wants, isLive ? undefined : liveFrom)
      if (envelope === undefined && !isLive && reader.at >= liveFrom) continue
      if (envelope === undefined) {
        // The reader does not move: it is at the end, also if the count was higher.
        if (reader.at === before) this.#allRead()
        else if (read === 0 && most === WINDOW) this.#options.readLater?.()
        break
      }
      read += 1
      if (envelope.at >= liveFrom && envelope.at <= droppedThrough) continue
      if (envelope.at >= liveFrom) this.#tail.wasRead(envelope)
      this.#add(new Item(envelope, this.#readOrder))
      this.#readOrder += 1
    }
    if (this.#tail.count === 0 && reader.at >= liveFrom) this.#tail.reader = undefined
  }
}
