import type { StoredDeadLetter } from '../../../broker/dead-letters/stored-dead-letter.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import { decodeMessage, encodeMessage } from '../message-codec.js'
import type { VanRecords } from './van-records.js'

/** The dead letters of one van in the store. */
export class StoredLetters {
  readonly #records: VanRecords
  readonly #keys = new Map<StoredDeadLetter, string>()

  constructor(records: VanRecords) {
    this.#records = records
  }

  load(): StoredDeadLetter[] {
    this.#records.each('letters', (key, value) => {
      this.#records.numberOf(key)
      const { letter, message } = decodePayload(value) as {
        letter: StoredDeadLetter['letter']
        message: Uint8Array
      }
      this.#keys.set({ letter, envelope: decodeMessage(message) }, key)
    })
    return [...this.#keys.keys()]
  }

  add(stored: StoredDeadLetter): void {
    const key = this.#records.newKey()
    this.#keys.set(stored, key)
    const { letter, envelope } = stored
    this.#records.put('letters', key, encodePayload({ letter, message: encodeMessage(envelope) }))
  }

  remove(stored: StoredDeadLetter): void {
    const key = this.#keys.get(stored)
    if (key === undefined) return
    this.#keys.delete(stored)
    this.#records.remove('letters', key)
  }
}
