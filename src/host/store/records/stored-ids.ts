import type { Place } from '../../../broker/delayed/delayed.js'
import type { IdKeeper, KnownId } from '../../../broker/delayed/known-ids.js'
import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { StoreTransaction } from '../../../store/store.js'
import { Unwritten } from './unwritten.js'
import { padded, type VanRecords } from './van-records.js'

const COUNT = '!count'
/** By the time at which an id was published. */
const DONE = '@'
const MOST = 10_000_000
const STEP = 2_000

/** The ids of publishes in the store: they take no memory, and are known after a crash. */
export class StoredIds implements IdKeeper {
  readonly #records: VanRecords
  readonly #unwritten: Unwritten<KnownId>
  readonly #done: Unwritten<string>
  #size = 0
  #hasNews = false

  constructor(records: VanRecords) {
    this.#records = records
    this.#unwritten = new Unwritten(records, 'ids', encode)
    this.#done = new Unwritten<string>(records, 'ids', encodePayload)
  }

  load(): void {
    const value = this.#records.get('ids', COUNT)
    if (value !== undefined) this.#size = decodePayload(value) as number
  }

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size >= MOST
  }

  find(key: string): KnownId | undefined {
    if (this.#unwritten.has(key)) return this.#unwritten.get(key)
    const value = this.#records.get('ids', key)
    return value === undefined ? undefined : (decodePayload(value) as KnownId)
  }

  remember(key: string, { topic, at, delayed }: KnownId): void {
    const known = this.find(key)
    if (known === undefined) this.#counted(1)
    else if (known.delayed === undefined) this.#done.set(doneKey(key, known.at), undefined)
    this.#unwritten.set(key, delayed === undefined ? { topic, at } : { topic, at, delayed: placeIn(delayed) })
    if (delayed === undefined) this.#done.set(doneKey(key, at), key)
  }

  forget(key: string): void {
    const known = this.find(key)
    if (known === undefined) return
    this.#counted(-1)
    this.#unwritten.set(key, undefined)
    if (known.delayed === undefined) this.#done.set(doneKey(key, known.at), undefined)
  }

  forgetBefore(time: number): void {
    let left = STEP
    for (const [at, value] of this.#records.after('ids', DONE, DONE)) {
      if (left === 0 || at >= DONE + padded(Math.max(0, Math.floor(time)))) return
      if (this.#done.has(at)) continue
      left -= 1
      this.forget(decodePayload(value) as string)
    }
  }

  collect(transaction: StoreTransaction): (isWritten: boolean) => void {
    const ended = this.#unwritten.collect(transaction)
    const doneEnded = this.#done.collect(transaction)
    const hadNews = this.#hasNews
    this.#hasNews = false
    if (hadNews) transaction.put('ids', this.#records.prefix + COUNT, encodePayload(this.#size))
    return isWritten => {
      const failed = ended(isWritten)
      const times = doneEnded(isWritten)
      if (isWritten) return
      this.#hasNews ||= hadNews
      // A message that could not be written has no id any more. What was removed is removed with the next write.
      for (const [key, known] of failed) {
        if (known === undefined) this.#unwritten.set(key, undefined)
        else if (this.#records.get('ids', key) === undefined) this.#counted(-1)
      }
      for (const [key, id] of times) if (id === undefined) this.#done.set(key, undefined)
    }
  }

  #counted(by: 1 | -1): void {
    this.#size = Math.max(0, this.#size + by)
    this.#hasNews = true
    this.#records.changed()
  }
}

function encode(known: KnownId): Uint8Array {
  return encodePayload(known)
}

function placeIn({ isByWall, due, order }: Place): Place {
  return { isByWall, due, order }
}

function doneKey(key: string, at: number): string {
  return `${DONE}${padded(Math.max(0, Math.floor(at)))}/${key}`
}
