import { comesBefore, type Delayed, type DelayKeeper, type Place } from './delayed.js'

/** With a store, so many messages are in memory, and at most about these bytes. */
const WINDOW = 1_000
const WINDOW_BYTES = 4 * 1024 * 1024

/** The delayed messages of one clock, the one that is due first at its head. With a store it holds only the next ones. */
export class DueQueue {
  readonly #isByWall: boolean
  readonly #keeper: DelayKeeper | undefined
  readonly #elapsedAt: (due: number) => number
  #heap: Delayed[] = []
  /** Cancelled, and still in the heap. */
  readonly #gone = new Set<Delayed>()
  #bytes = 0
  /** Messages behind this place are only in the store. */
  #horizon: Place | undefined
  /** The store may have more than the heap. */
  #hasMore: boolean

  /** @param elapsedAt that time of day, by the clock that only goes forward */
  constructor(isByWall: boolean, keeper: DelayKeeper | undefined, elapsedAt: (due: number) => number) {
    this.#isByWall = isByWall
    this.#elapsedAt = elapsedAt
    this.#keeper = keeper
    this.#hasMore = keeper !== undefined
  }

  get first(): Delayed | undefined {
    for (;;) {
      if (this.#heap.length === 0 && this.#hasMore) this.#refill()
      const [first] = this.#heap
      if (first === undefined || !this.#gone.delete(first)) return first
      this.#pop(first)
    }
  }

  /** Those in the store included, in no order. */
  *all(): Generator<Delayed> {
    if (this.#keeper === undefined) return yield* this.#heap.filter(each => !this.#gone.has(each))
    for (let after: Place | undefined, hasMore = true; hasMore;) {
      const next = this.#keeper.read(this.#isByWall, after, WINDOW)
      yield* next
      after = next.at(-1)
      hasMore = next.length === WINDOW
    }
  }

  add(message: Delayed): void {
    if (this.#hasMore && (this.#horizon === undefined || comesBefore(this.#horizon, message))) return
    this.#push(message)
    if (this.#keeper !== undefined && (this.#heap.length > 2 * WINDOW || this.#bytes > 2 * WINDOW_BYTES))
      this.#shrink()
  }

  shift(): Delayed | undefined {
    const { first } = this
    if (first !== undefined) this.#pop(first)
    return first
  }

  clear(): void {
    this.#heap = []
    this.#gone.clear()
    this.#hasMore = false
    this.#bytes = 0
  }

  /** Without a store it is the message itself: a heap finds no other one quickly. */
  remove(message: Delayed): void {
    const { due, order } = message
    const found =
      this.#keeper === undefined ? message : this.#heap.find(each => each.due === due && each.order === order)
    if (found === undefined) return
    this.#gone.add(found)
    if (this.#gone.size <= 64 || this.#gone.size * 2 < this.#heap.length) return
    this.#heap = this.#heap.filter(each => !this.#gone.has(each)).sort(inOrder)
    this.#gone.clear()
    this.#bytes = this.#heap.reduce((sum, { envelope }) => sum + envelope.size, 0)
  }

  #pop(first: Delayed): void {
    this.#bytes -= first.envelope.size
    const last = this.#heap.pop()
    if (last !== undefined && this.#heap.length > 0) this.#sink(last)
  }

  #refill(): void {
    const next = this.#keeper?.read(this.#isByWall, this.#horizon, WINDOW) ?? []
    let bytes = 0
    let taken = 0
    for (const message of next) {
      if (taken > 0 && bytes + message.envelope.size > WINDOW_BYTES) break
      bytes += message.envelope.size
      taken += 1
      this.#push(this.#revived(message))
      this.#horizon = message
    }
    this.#hasMore = taken < next.length || next.length === WINDOW
    if (!this.#hasMore) this.#horizon = undefined
  }

  /** An earlier process took it over: the wall clock tells how long it still waits. */
  #revived(message: Delayed): Delayed {
    const { due, elapsed } = message
    return this.#isByWall || elapsed !== undefined ? message : { ...message, elapsed: this.#elapsedAt(due) }
  }

  /** By place, as the store has them. */
  #shrink(): void {
    const sorted = this.#heap.sort((a, b) => (comesBefore(a, b) ? -1 : 1))
    let bytes = 0
    let kept = 0
    while (kept < WINDOW && (kept === 0 || bytes < WINDOW_BYTES)) bytes += sorted[kept++]?.envelope.size ?? 0
    if (kept >= sorted.length) return void sorted.sort(inOrder)
    this.#horizon = sorted[kept - 1]
    for (const message of sorted.slice(kept)) this.#gone.delete(message)
    // A sorted array is a heap.
    this.#heap = sorted.slice(0, kept).sort(inOrder)
    this.#bytes = bytes
    this.#hasMore = true
  }

  #push(message: Delayed): void {
    this.#bytes += message.envelope.size
    const heap = this.#heap
    let at = heap.length
    heap.push(message)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isEarlier(message, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = message
  }

  #sink(last: Delayed): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      const left = heap[child]
      if (left === undefined) break
      const right = heap[child + 1]
      const isRight = right !== undefined && isEarlier(right, left)
      if (isRight) child += 1
      const least = isRight ? right : left
      if (!isEarlier(least, last)) break
      heap[at] = least
      at = child
    }
    heap[at] = last
  }
}

/** Between two messages that wait for a time, the clock decides that only goes forward. */
function isEarlier(a: Delayed, b: Delayed): boolean {
  const [first, second] = [a.elapsed ?? a.due, b.elapsed ?? b.due]
  return first === second ? a.order < b.order : first < second
}

function inOrder(a: Delayed, b: Delayed): number {
  return isEarlier(a, b) ? -1 : 1
}
