import type { LogReader } from '../../broker/durable/durable-log.js'
import type { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import type { BytesHolder } from '../../message/envelope.js'
import type { Chunk, Store, StoreTransaction } from '../../store/store.js'
import { trimmable } from '../../store/store.js'
import type { Wants } from '../../broker/wanting.js'
import type { Headers } from '../../message/envelope.js'
import { MessageReader, MessageWriter } from './message-codec.js'

/** A piece is closed at this size: large enough for an efficient write, small enough to be read for one message. */
const CHUNK_BYTES = 128 * 1024

/** The most messages in one step, before other work has its turn. */
const LOOK_AT_MOST = 20_000

/** The number of pieces that a backward search reads at once. */
const PIECES_AT_ONCE = 8

export interface Retention {
  /** Milliseconds; older messages go if no subscription is owed them. */
  readonly age: number
  /** Bytes a van; beyond that the oldest messages go that no subscription is owed. */
  readonly bytes: number
}

/** The memory of messages that are read from the disk. */
export interface ReadMemory {
  readonly isFull: boolean
  blockOf(bytes: Uint8Array): BytesHolder
}

/**
 * The messages of one van, in the order in which they were accepted. It reads messages that are not on the disk yet
 * from memory.
 */
export class Log {
  readonly #store: Store
  readonly #number: number
  readonly #writer = new MessageWriter()
  /** Counts what is read from the disk. */
  memory: ReadMemory | undefined
  #closed: Chunk[] = []
  /** Not on the disk yet, from `#pendingFrom` on. */
  #pending: StoredEnvelope[] = []
  #pendingFrom: number
  #end: number
  #bytes: number

  constructor(store: Store, number: number, { end, bytes }: { end: number; bytes: number }) {
    this.#store = store
    this.#number = number
    this.#end = end
    this.#pendingFrom = end
    this.#bytes = bytes
  }

  /** The place of the next message. */
  get end(): number {
    return this.#end
  }

  /** Its size on the disk. */
  get bytes(): number {
    return this.#bytes
  }

  get hasNews(): boolean {
    return this.#writer.count > 0 || this.#closed.length > 0
  }

  append(envelope: StoredEnvelope): void {
    envelope.at = this.#end
    this.#end += 1
    this.#pending.push(envelope)
    // Its frame stays in memory until it is written.
    envelope.hold()
    this.#writer.add(envelope)
    if (this.#writer.bytes >= CHUNK_BYTES) this.#close()
  }

  /**
   * @returns a function for the outcome of the transaction, which returns the refused messages: they are not in the log
   */
  collect(transaction: StoreTransaction): (isWritten: boolean) => StoredEnvelope[] {
    if (this.#writer.count > 0) this.#close()
    const chunks = this.#closed
    this.#closed = []
    let count = 0
    let bytes = 0
    for (const chunk of chunks) {
      transaction.append(chunk)
      count += chunk.count
      bytes += chunk.bytes.length
    }
    this.#bytes += bytes
    return isWritten => {
      const collected = this.#pending.slice(0, count)
      for (const each of collected) each.release()
      this.#pending = this.#pending.slice(count)
      this.#pendingFrom += count
      if (isWritten) return []
      this.#bytes -= bytes
      return collected
    }
  }

  /**
   * A step of trimming.
   *
   * @returns the freed bytes: 0 when there is nothing to trim
   */
  trim(transaction: StoreTransaction, through: number, { age, bytes }: Retention): number {
    const step = trimmable(this.#store, this.#number, {
      through,
      writtenBefore: Date.now() - age,
      excessBytes: this.#bytes - bytes,
    })
    for (const first of step.firsts) transaction.trim(this.#number, first)
    this.#bytes -= step.bytes
    return step.bytes
  }

  /** The place of the oldest message. */
  get first(): number {
    const [chunk] = firstOf(this.#store.scan(this.#number, 0))
    return chunk?.first ?? this.#pendingFrom
  }

  /** The place of the first message from this time on, by its publisher's clock, among those written since. */
  placeAt(time: number): number {
    let since = this.#pendingFrom
    for (const chunk of this.#store.scanBack(this.#number)) {
      if (chunk.writtenAt < time) break
      since = chunk.first
    }
    const reader = this.read(since)
    for (;;) {
      const message = reader.next(() => true)
      if (message === undefined) return this.#end
      if (message.timestamp >= time) return message.at
    }
  }

  readAll(places: readonly number[]): StoredEnvelope[] {
    const reader = new Reader(this.#store, this.#number, this, 0)
    return places.flatMap(place => {
      reader.skipTo(place)
      const message = reader.next(() => true)
      return message?.at === place ? [message] : []
    })
  }

  /**
   * The heads of each piece, in order, from the newest piece to the oldest. It reads in small steps, so that the host
   * does other things meanwhile.
   */
  async *backwards(): AsyncGenerator<{ first: number; heads: readonly Head[] }> {
    const first = this.#pendingFrom
    yield { first, heads: [...this.#pending] }
    for (let before = first; ;) {
      const chunks = take(this.#store.scanBack(this.#number, before), PIECES_AT_ONCE)
      for (const chunk of chunks) yield { first: chunk.first, heads: headsOf(chunk) }
      const last = chunks.at(-1)
      if (last === undefined) return
      before = last.first
      await turn()
    }
  }

  /** The step was not written after all. */
  untrimmed(bytes: number): void {
    this.#bytes += bytes
  }

  read(from: number): LogReader {
    return new Reader(this.#store, this.#number, this, from)
  }

  /** The first place that is not on the disk. */
  get pendingFrom(): number {
    return this.#pendingFrom
  }

  pendingAt(at: number): StoredEnvelope | undefined {
    return this.#pending[at - this.#pendingFrom]
  }

  #close(): void {
    const { count } = this.#writer
    const first = this.#end - count
    this.#closed.push({
      log: this.#number,
      first,
      count,
      writtenAt: Date.now(),
      bytes: this.#writer.take(),
    })
  }
}

function turn(): Promise<void> {
  return new Promise(resolve => void setImmediate(resolve))
}

/** What decides whether a message is wanted. */
export interface Head {
  readonly topic: string
  readonly headers: Headers
}

interface OpenChunk {
  readonly messages: MessageReader
  readonly end: number
}

class Reader implements LogReader {
  readonly #store: Store
  readonly #number: number
  readonly #log: Pick<Log, 'pendingFrom' | 'pendingAt' | 'memory'>
  #at: number
  #chunk: OpenChunk | undefined

  constructor(
    store: Store,
    number: number,
    log: Pick<Log, 'pendingFrom' | 'pendingAt' | 'memory'>,
    from: number,
  ) {
    this.#store = store
    this.#number = number
    this.#log = log
    this.#at = from
  }

  get at(): number {
    return this.#at
  }

  skipTo(at: number): void {
    const chunk = this.#chunk
    if (chunk === undefined || at < this.#at || at >= chunk.end) {
      this.#chunk = undefined
      this.#at = at
      return
    }
    for (; this.#at < at; this.#at += 1) chunk.messages.read(this.#at, () => false)
  }

  next(wants: Wants, before = Infinity): StoredEnvelope | undefined {
    for (let looked = 0; looked < LOOK_AT_MOST; looked += 1) {
      if (this.#at >= before) return undefined
      if (this.#chunk === undefined && this.#at >= this.#log.pendingFrom) {
        const pending = this.#log.pendingAt(this.#at)
        if (pending === undefined) return undefined
        this.#at += 1
        if (wants(pending.topic, pending.headers, pending.at)) return pending
        continue
      }
      const chunk = this.#chunk ?? this.#load()
      if (chunk === undefined || this.#at >= before) continue
      const message = chunk.messages.read(this.#at, wants)
      this.#at += 1
      if (this.#at >= chunk.end) this.#chunk = undefined
      if (message !== undefined) return message
    }
    return undefined
  }

  /** The piece with that place, or the first one after it; undefined: the rest is not on the disk. */
  #load(): OpenChunk | undefined {
    const [chunk] = firstOf(this.#store.scan(this.#number, this.#at))
    if (chunk === undefined) {
      this.#at = this.#log.pendingFrom
      return undefined
    }
    const messages = new MessageReader(chunk.bytes, this.#log.memory?.blockOf(chunk.bytes))
    for (let at = chunk.first; at < this.#at; at += 1) messages.read(at, () => false)
    this.#at = Math.max(this.#at, chunk.first)
    this.#chunk = { messages, end: chunk.first + chunk.count }
    return this.#chunk
  }
}

/** In order. */
export function headsOf({ count, bytes }: Chunk): Head[] {
  const messages = new MessageReader(bytes)
  const heads: Head[] = []
  const note = (topic: string, headers: Headers): boolean => {
    heads.push({ topic, headers })
    return false
  }
  for (let left = count; left > 0; left -= 1) messages.read(0, note)
  return heads
}

function take<T>(all: Iterable<T>, most: number): T[] {
  const taken: T[] = []
  for (const one of all) if (taken.push(one) === most) break
  return taken
}

function firstOf<T>(all: Iterable<T>): [T?] {
  for (const one of all) return [one]
  return []
}
