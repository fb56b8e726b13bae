import type { StoreTransaction } from '../../../store/store.js'
import { RecentMap } from '../../van/recent-map.js'
import { decodeMark, encodeMark, noMark, type PublisherMark } from './publisher-mark.js'
import type { VanRecords } from './van-records.js'

/** The most publishers that it remembers: messages of a forgotten one may come twice. */
const PUBLISHERS_REMEMBERED = 10_000

/** The last message of each publisher, so that a repeated message makes no duplicate. */
export class PublisherMarks {
  readonly #records: VanRecords
  readonly #marks: RecentMap<string, PublisherMark>
  readonly #changed = new Set<string>()

  constructor(records: VanRecords) {
    this.#records = records
    this.#marks = new RecentMap({
      max: PUBLISHERS_REMEMBERED,
      evicted: publisher => records.remove('publishers', publisher),
    })
  }

  load(): void {
    this.#records.each('publishers', (key, value) => this.#marks.set(key, decodeMark(value)))
  }

  get(publisher: string): PublisherMark {
    return this.#marks.get(publisher) ?? noMark
  }

  set(publisher: string, mark: PublisherMark): void {
    const { through, refused } = this.get(publisher)
    if (mark.through <= through && mark.refused.size === 0 && refused.size === 0) return
    this.#marks.set(publisher, mark)
    this.#changed.add(publisher)
    this.#records.changed()
  }

  /** After a failed transaction it writes nothing again: the marks change when the refused messages are known. */
  collect(transaction: StoreTransaction): void {
    for (const publisher of this.#changed)
      transaction.put('publishers', this.#records.prefix + publisher, encodeMark(this.get(publisher)))
    this.#changed.clear()
  }
}
