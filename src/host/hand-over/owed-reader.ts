import type { ByteReader } from '../../codec/byte-reader.js'
import type { Item } from '../../broker/subscription/backlog/item.js'
import type { Subscription } from '../../broker/subscription/subscription.js'
import type { StoredDeadLetter } from '../../broker/dead-letters/stored-dead-letter.js'
import type { HandedDelayed } from '../../broker/delayed/rules-transfer.js'
import { delayedOf, fieldsOf } from './read-fields.js'
import { BlobTable, readItems, type Travelling } from './items.js'

/** Reads the messages of a hand-over, and gives them to their subscriptions and relays. */
export class OwedReader {
  readonly #blobs = new BlobTable()
  /** Subscriptions and relays, by their numbers in the file. */
  readonly #owed = new Map<number, Subscription>()
  #elapsed = 0
  #messages = 0
  #missing = 0

  get messages(): number {
    return this.#messages
  }

  /** Messages whose payloads are not in the file. */
  get missing(): number {
    return this.#missing
  }

  /** Milliseconds since the file was written. */
  get elapsed(): number {
    return this.#elapsed
  }

  writtenBefore(ms: number): void {
    this.#elapsed = ms
  }

  addBlobs(reader: ByteReader): void {
    this.#blobs.add(reader)
  }

  register(number: number, owed: Subscription): void {
    this.#owed.set(number, owed)
  }

  find(number: number): Subscription | undefined {
    return this.#owed.get(number)
  }

  items(reader: ByteReader): void {
    const number = reader.varint()
    this.owe(this.#owed.get(number), this.read(reader))
  }

  read(reader: ByteReader): Generator<Travelling> {
    return readItems(
      reader,
      number => this.#blobs.find(number),
      () => (this.#missing += 1),
    )
  }

  owe(owed: Subscription | undefined, travelling: Iterable<Travelling>): void {
    const begun: Item[] = []
    const retrying: [Item, number][] = []
    const fresh: Item[] = []
    for (const { item: travelled, wait } of travelling) {
      const item = owed?.takenIn(travelled)
      if (item === undefined) continue
      if (wait !== undefined && wait > this.#elapsed) retrying.push([item, wait - this.#elapsed])
      else if (item.isBegun) begun.push(item)
      else fresh.push(item)
    }
    if (owed === undefined) return
    this.#messages += begun.length + retrying.length + fresh.length
    owed.owes(begun, retrying, fresh)
  }

  letters(letters: readonly unknown[], reader: ByteReader): StoredDeadLetter[] {
    return [...this.read(reader)].map(({ item: { envelope, order } }) => {
      const { id, topic, headers } = envelope
      const fields = fieldsOf(letters[order])
      const letter: StoredDeadLetter['letter'] = {
        ...{ id, topic, headers },
        subscription: fields.text('subscription'),
        attempts: fields.whole('attempts'),
        error: fields.text('error', 1_000_000),
        firstAt: fields.number('firstAt', 0, Number.MAX_SAFE_INTEGER),
        lastAt: fields.number('lastAt', 0, Number.MAX_SAFE_INTEGER),
      }
      return { envelope: envelope.apart, letter }
    })
  }

  delayed(rules: readonly unknown[], reader: ByteReader): HandedDelayed[] {
    return [...this.read(reader)].map(({ item: { envelope, order } }) =>
      delayedOf(fieldsOf(rules[order]), envelope.apart),
    )
  }

  /** Counts a message that stays with its consumer, or is delayed. */
  count(): void {
    this.#messages += 1
  }
}
