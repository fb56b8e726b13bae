import { decodePayload, encodePayload } from '../../../codec/payload.js'
import type { StoreTransaction } from '../../../store/store.js'
import type { SeenMarks } from '../../backbone/contract/seen-marks.js'
import { RecentMap } from '../../van/recent-map.js'
import type { VanRecords } from './van-records.js'

/** The most pairs of publisher and topic that it remembers: messages of a forgotten one may come twice. */
const SEEN_REMEMBERED = 20_000

/** The last message of other hosts that came here, for each publisher and topic. */
export class StoredSeenMarks implements SeenMarks {
  readonly #records: VanRecords
  readonly #sequences: RecentMap<string, number>
  readonly #changed = new Set<string>()

  constructor(records: VanRecords) {
    this.#records = records
    this.#sequences = new RecentMap({
      max: SEEN_REMEMBERED,
      evicted: key => records.remove('seen', key),
    })
  }

  load(): void {
    this.#records.each('seen', (key, value) => this.#sequences.set(key, decodePayload(value) as number))
  }

  seen(publisher: string, topic: string): number {
    return this.#sequences.get(keyOf(publisher, topic)) ?? 0
  }

  markSeen(publisher: string, topic: string, sequence: number): void {
    const key = keyOf(publisher, topic)
    if (sequence > (this.#sequences.get(key) ?? 0)) this.#set(key, sequence)
  }

  forgetSeen(publisher: string, topic: string, sequence: number): void {
    const key = keyOf(publisher, topic)
    if ((this.#sequences.get(key) ?? 0) >= sequence) this.#set(key, sequence - 1)
  }

  collect(transaction: StoreTransaction): void {
    for (const key of this.#changed) {
      const sequence = this.#sequences.get(key)
      if (sequence !== undefined) transaction.put('seen', this.#records.prefix + key, encodePayload(sequence))
    }
    this.#changed.clear()
  }

  #set(key: string, sequence: number): void {
    this.#sequences.set(key, sequence)
    this.#changed.add(key)
    this.#records.changed()
  }
}

/** The length tells where the publisher ends: no other pair has the same key. */
function keyOf(publisher: string, topic: string): string {
  return `${publisher.length}:${publisher}${topic}`
}
