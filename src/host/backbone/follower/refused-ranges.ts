/** Beyond that the two oldest are joined. */
const MOST_RANGES = 64

interface Range {
  from: number
  to: number
}

/**
 * The messages of one publisher and topic that were refused and have not come again. Consecutive refusals without an
 * accepted message between them are one range. After a join, a message between the ranges may be accepted twice: that
 * is better than losing one.
 */
export class RefusedRanges {
  readonly publisher: string
  readonly topic: string
  /** In ascending order. */
  readonly #ranges: Range[] = []

  constructor(publisher: string, topic: string) {
    this.publisher = publisher
    this.topic = topic
  }

  get first(): number | undefined {
    return this.#ranges[0]?.from
  }

  has(sequence: number): boolean {
    return this.#find(sequence) !== undefined
  }

  /**
   * @param last the last message before this one, refused or not
   */
  add(sequence: number, last: number): void {
    const ranges = this.#ranges
    const newest = ranges.at(-1)
    if (newest !== undefined && sequence > last && newest.to === last) {
      newest.to = sequence
      return
    }
    if (this.has(sequence)) return
    const later = ranges.findIndex(({ from }) => from > sequence)
    ranges.splice(later < 0 ? ranges.length : later, 0, { from: sequence, to: sequence })
    const [oldest, second] = ranges
    if (ranges.length <= MOST_RANGES || oldest === undefined || second === undefined) return
    second.from = oldest.from
    ranges.shift()
  }

  /**
   * It has come again, in publish order: those before it in its range will not come any more.
   *
   * @returns whether it was refused
   */
  fill(sequence: number): boolean {
    const range = this.#find(sequence)
    if (range === undefined) return false
    range.from = sequence + 1
    if (range.from > range.to) this.#ranges.splice(this.#ranges.indexOf(range), 1)
    return true
  }

  /** Those before it will not come any more. */
  giveUpBefore(sequence: number): void {
    const ranges = this.#ranges
    while (ranges[0] !== undefined && ranges[0].to < sequence) ranges.shift()
  }

  #find(sequence: number): Range | undefined {
    return this.#ranges.find(({ from, to }) => from <= sequence && sequence <= to)
  }
}
