import { StoredEnvelope } from '../../../broker/durable/stored-envelope.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { Envelope } from '../../../message/envelope.js'
import { decodeMessage, encodeMessage } from '../message-codec.js'
import { padded, type VanRecords } from './van-records.js'

/** Messages that subscriptions are owed beyond the log, such as replayed dead letters. Each has a negative place. */
export class OwedMessages {
  readonly #records: VanRecords
  readonly #owed = new Map<number, { readonly book: string; readonly envelope: StoredEnvelope }>()

  constructor(records: VanRecords) {
    this.#records = records
  }

  load(): void {
    this.#records.each('owed', (key, value) => {
      const at = -this.#records.numberOf(key)
      const { book, message } = decodePayload(value) as { book: string; message: Uint8Array }
      this.#owed.set(at, { book, envelope: decodeMessage(message, at) })
    })
  }

  /** @param book the key of the subscription. A subscription without one is not in the store. */
  add(book: string | undefined, envelope: Envelope): StoredEnvelope {
    const stored = StoredEnvelope.of(envelope, -Number(this.#records.newKey()))
    if (book !== undefined) this.#put(book, stored)
    return stored
  }

  of(key: string | undefined): StoredEnvelope[] {
    return [...this.#owed.values()].filter(({ book }) => book === key).map(({ envelope }) => envelope)
  }

  settle(at: number): void {
    if (this.#owed.delete(at)) this.#records.remove('owed', padded(-at))
  }

  /** The subscription has another key from now on. */
  move(from: string, to: string): void {
    for (const { book, envelope } of [...this.#owed.values()]) if (book === from) this.#put(to, envelope)
  }

  removeAll(key: string): void {
    for (const [at, { book }] of this.#owed) if (book === key) this.settle(at)
  }

  #put(book: string, envelope: StoredEnvelope): void {
    this.#owed.set(envelope.at, { book, envelope })
    this.#records.put('owed', padded(-envelope.at), encodePayload({ book, message: encodeMessage(envelope) }))
  }
}
