import { StoredEnvelope } from '../../../broker/durable/stored-envelope.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { Envelope } from '../../../message/envelope.js'
import { decodeMessage, encodeMessage } from '../message-codec.js'
import { padded, type VanRecords } from './van-records.js'

/** Messages that subscriptions are owed beyond the log, such as replayed dead letters. Each has a negative place. */
export class OwedMessages {
  readonly #records: VanRecords
  readonly #owed = new Map<number, { readonly cursor: string; readonly envelope: StoredEnvelope }>()

  constructor(records: VanRecords) {
    this.#records = records
  }

  load(): void {
    this.#records.each('owed', (key, value) => {
      const at = -this.#records.numberOf(key)
      const { book: cursor, message } = decodePayload(value) as { book: string; message: Uint8Array }
      this.#owed.set(at, { cursor, envelope: decodeMessage(message, at) })
    })
  }

  /** @param cursor the key of the subscription. A subscription without one is not in the store. */
  add(cursor: string | undefined, envelope: Envelope): StoredEnvelope {
    const stored = StoredEnvelope.of(envelope, -Number(this.#records.newKey()))
    if (cursor !== undefined) this.#put(cursor, stored)
    return stored
  }

  of(key: string | undefined): StoredEnvelope[] {
    return [...this.#owed.values()].filter(({ cursor }) => cursor === key).map(({ envelope }) => envelope)
  }

  settle(at: number): void {
    if (this.#owed.delete(at)) this.#records.remove('owed', padded(-at))
  }

  /** The subscription has another key from now on. */
  move(from: string, to: string): void {
    for (const { cursor, envelope } of [...this.#owed.values()]) if (cursor === from) this.#put(to, envelope)
  }

  removeAll(key: string): void {
    for (const [at, { cursor }] of this.#owed) if (cursor === key) this.settle(at)
  }

  #put(cursor: string, envelope: StoredEnvelope): void {
    this.#owed.set(envelope.at, { cursor, envelope })
    this.#records.put(
      'owed',
      padded(-envelope.at),
      encodePayload({ book: cursor, message: encodeMessage(envelope) }),
    )
  }
}
