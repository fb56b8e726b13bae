import type { LetterPage } from '../../broker/dead-letters/dead-letter-queue.js'
import { Item } from '../../broker/subscription/backlog/item.js'
import type { Subscription } from '../../broker/subscription/subscription.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { encodePayload } from '../../codec/payload.js'
import { encodePattern, encodeRequest } from '../../wire/frames/subscription-request.js'
import type { Outgoing, SeenMessages } from '../backbone/contract/reach-memory.js'
import type { Publisher } from '../session/publisher.js'
import type { Van } from '../van/van.js'
import { BATCH, Kind } from './format.js'
import { BlobWriter, ItemWriter, type Travelling } from './items.js'
import { RECORD_BYTES, type RecordFileWriter } from './record-file.js'

/** Writes the messages of a host's vans. */
export class VanWriter {
  readonly #file: RecordFileWriter
  readonly #blobs: BlobWriter
  readonly #items: ItemWriter
  /** Subscriptions and relays, by their number in the file. */
  readonly #numbers = new Map<object, number>()
  /** Members whose messages go with their sessions. */
  readonly #travels: (member: object) => boolean

  constructor(file: RecordFileWriter, travels: (member: object) => boolean) {
    this.#file = file
    this.#travels = travels
    this.#blobs = new BlobWriter({ blobs: (first, bytes) => file.add(Kind.Blobs, blobsRecord(first, bytes)) })
    this.#items = new ItemWriter(this.#blobs)
  }

  /** The number of a written subscription. */
  numberOf(subscription: object): number | undefined {
    return this.#numbers.get(subscription)
  }

  van(van: Van, publishers: ReadonlyMap<string, Publisher>): void {
    const { broker, reach } = van
    this.#add(Kind.Van, { name: van.name, counters: broker.ownCounters })
    for (const subscription of broker.transfer.subscriptions()) this.#subscription(subscription)
    for (const batch of batches(broker.control.states.all(), BATCH)) this.#add(Kind.States, batch)
    this.#letters(van)
    this.#ruled(van)
    this.#marks(van, publishers)
    const { seen, outgoing } = reach.memory ?? {}
    if (seen !== undefined) this.#seen(seen)
    if (outgoing !== undefined) this.#leader(broker.transfer.queueOf(outgoing.queue), outgoing)
  }

  /** The messages for the leader: first those that another leader had, and lost. */
  #leader(owed: Subscription, { standing, lost }: Outgoing): void {
    const number = this.relay(owed, standing.wanted, standing.memory)
    this.#write(
      Kind.Again,
      number,
      lost.map(envelope => ({ item: new Item(envelope, 0) })),
    )
  }

  /** The messages for another host, whose own session is written elsewhere. */
  relay(owed: Subscription, patterns: readonly (RegExp | string)[], memory?: string): number {
    const number = this.#number(owed)
    const { counts, nextOrder } = owed.state
    this.#add(Kind.Relay, { number, counts, nextOrder, patterns: patterns.map(encodePattern), memory })
    this.#owed(owed, number)
    return number
  }

  /** Messages that a client holds. */
  held(place: number, travelling: Iterable<Travelling>): void {
    this.#write(Kind.Held, place, travelling)
  }

  #subscription(subscription: Subscription): void {
    const { id, rules, counts, nextOrder } = subscription.state
    const isThere = rules.name !== undefined && !subscription.isLent
    // A subscription that exists only for its consumers stays with them.
    if (!isThere && !subscription.members.all().some(this.#travels)) return
    const number = this.#number(subscription)
    this.#add(Kind.Subscription, {
      number,
      id,
      request: encodeRequest({ ...rules, given: undefined, joins: undefined }),
      counts,
      nextOrder,
    })
    this.#owed(subscription, number)
  }

  #owed(subscription: Subscription, number: number): void {
    this.#write(Kind.Items, number, begunOf(subscription, this.#travels))
    this.#write(Kind.Items, number, this.#sharing(subscription.fresh()))
  }

  /** The bytes of a frame that is mostly used travel as one, and are shared. */
  *#sharing(items: Iterable<Item>): Generator<Travelling> {
    let run: Item[] = []
    let bytes = 0
    let content: unknown
    const end = (): Travelling[] => {
      if (content instanceof Uint8Array && run.length > 1 && 2 * bytes >= content.length)
        this.#blobs.share(content)
      return run.map(item => ({ item }))
    }
    for (const item of items) {
      if (item.envelope.content !== content) {
        yield* end()
        run = []
        bytes = 0
        content = item.envelope.content
      }
      run.push(item)
      bytes += item.envelope.size
    }
    yield* end()
  }

  #letters({ broker }: Van): void {
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: LetterPage = broker.letterPage({}, after, true)
      after = page.next
      const { letters } = page
      if (letters.length === 0) return
      // A list of messages, with the state of each beside it.
      this.#add(
        Kind.Letters,
        letters.map(({ letter }) => letter),
        this.#itemsOf(letters.map(({ envelope }, order) => ({ item: new Item(envelope, order) }))),
      )
    }
  }

  /** Delayed messages, with the rules of each beside them, and remembered ids. */
  #ruled({ broker: { ruled } }: Van): void {
    for (const batch of batches(ruled.transfer.delayed(), BATCH))
      this.#add(
        Kind.Delayed,
        batch.map(({ isByWall, due, id, ttl }) => ({ isByWall, due, id, ttl })),
        this.#itemsOf(batch.map(({ envelope }, order) => ({ item: new Item(envelope, order) }))),
      )
    for (const batch of batches(ruled.transfer.known(), BATCH)) this.#add(Kind.Ids, batch)
  }

  #marks(van: Van, live: ReadonlyMap<string, Publisher>): void {
    const all = new Map([...van.publishers, ...live])
    for (const batch of batches(all, BATCH))
      this.#add(
        Kind.Marks,
        batch.map(([client, { mark }]) => ({ client, last: mark.through, refused: [...mark.refused] })),
      )
  }

  #seen(seen: SeenMessages): void {
    for (const [publisher, topics] of seen.all()) this.#add(Kind.Seen, { publisher, topics: [...topics] })
  }

  #number(subscription: Subscription): number {
    const number = this.#numbers.size + 1
    this.#numbers.set(subscription, number)
    return number
  }

  #write(kind: Kind, number: number, travelling: Iterable<Travelling>): void {
    const flush = (): void => {
      if (this.#items.bytes > 0) this.#put(kind, number, this.#items.take())
    }
    for (const each of travelling) {
      this.#items.add(each)
      if (this.#items.bytes >= RECORD_BYTES) flush()
    }
    flush()
  }

  #itemsOf(travelling: Iterable<Travelling>): Uint8Array {
    for (const each of travelling) this.#items.add(each)
    return this.#items.take()
  }

  #put(kind: Kind, number: number, items: Uint8Array): void {
    // Before the messages that are in them.
    this.#blobs.flush()
    const writer = new ByteWriter()
    writer.varint(number)
    writer.raw(items)
    this.#file.add(kind, writer.take())
  }

  #add(kind: Kind, value: unknown, items?: Uint8Array): void {
    this.#blobs.flush()
    this.#file.add(kind, valueRecord(value, items))
  }
}

function* begunOf(subscription: Subscription, travels: (member: object) => boolean): Generator<Travelling> {
  for (const [item, wait] of subscription.begun(travels)) yield { item, wait }
}

export function* batches<T>(all: Iterable<T>, size: number): Generator<T[]> {
  let batch: T[] = []
  for (const each of all) {
    batch.push(each)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** A value, and messages behind it. */
export function valueRecord(value: unknown, items: Uint8Array = new Uint8Array()): Uint8Array {
  const bytes = encodePayload(value)
  const writer = new ByteWriter()
  writer.varint(bytes.length)
  writer.raw(bytes)
  writer.raw(items)
  return writer.take()
}

function blobsRecord(first: number, blobs: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter()
  writer.varint(first)
  writer.varint(blobs.length)
  for (const { length } of blobs) writer.varint(length)
  for (const bytes of blobs) writer.raw(bytes)
  return writer.take()
}
