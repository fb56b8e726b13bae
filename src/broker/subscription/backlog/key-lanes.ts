import type { Envelope } from '../../../message/envelope.js'
import type { KeyReader } from '../../../message/order/key-reader.js'
import type { Separator } from '../../memory/separator.js'
import type { Item } from './item.js'

/** One key. It exists while one of its messages is at a consumer or waits for a retry. */
interface Lane {
  /** Messages at consumers, or before a retry: more than one only if they were handed out by another rule. */
  busy: number
  /** Messages that had their turn in the queue while the key was busy, by their order. */
  waiting: Item[]
  head: number
}

/** Messages that wait for their key, in the order in which they came here: about oldest first. */
class Waiting {
  readonly items = new Set<Item>()
  bytes = 0

  add(item: Item): void {
    this.items.add(item)
    this.bytes += item.envelope.size
    item.envelope.hold()
  }

  delete(item: Item): void {
    if (!this.items.delete(item)) return
    this.bytes -= item.envelope.size
    item.envelope.release()
  }
}

/**
 * Order by key: a message whose key is busy leaves the queue and waits for its key, so that those behind it pass. When
 * the key is free, its next message goes back to its place in the queue. Each step costs the same, however many wait.
 * An idle key has no entry.
 */
export class KeyLanes {
  readonly #lanes = new Map<string, Lane>()
  readonly #keyOf: KeyReader
  readonly #isUncounted: (item: Item) => boolean
  readonly #counted = new Waiting()
  /** They count against no limit. */
  readonly #uncounted = new Waiting()

  /**
   * @param isUncounted a message that counts against no limit
   */
  constructor(keyOf: KeyReader, isUncounted: (item: Item) => boolean) {
    this.#keyOf = keyOf
    this.#isUncounted = isUncounted
  }

  /** The number of messages that wait for their keys. */
  get size(): number {
    return this.#counted.items.size + this.#uncounted.items.size
  }

  get bytes(): number {
    return this.#counted.bytes + this.#uncounted.bytes
  }

  get uncounted(): number {
    return this.#uncounted.items.size
  }

  get uncountedBytes(): number {
    return this.#uncounted.bytes
  }

  /** The number of keys with an entry. */
  get keys(): number {
    return this.#lanes.size
  }

  /** A message goes to a consumer. @returns false if its key is busy: then it may not */
  begin(envelope: Envelope): boolean {
    const key = this.#keyOf(envelope)
    if (key === undefined) return true
    const lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, { busy: 1, waiting: none, head: 0 })
    else if (lane.busy > 0) return false
    else lane.busy = 1
    return true
  }

  /** The key is busy with this message too: it is at a consumer already, or waits for a retry. */
  hold(envelope: Envelope): void {
    const key = this.#keyOf(envelope)
    if (key === undefined) return
    const lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, { busy: 1, waiting: none, head: 0 })
    else lane.busy += 1
  }

  /** Its key is busy: it waits. */
  park(item: Item): void {
    const lane = this.#lanes.get(this.#keyOf(item.envelope) ?? '')
    if (lane === undefined) return
    if (lane.waiting === none) lane.waiting = []
    insert(lane, item)
    this.#of(item).add(item)
  }

  /**
   * The key has one less to wait for: a consumer has settled this message or given it back, or its wait for a retry is
   * over; with `by` 0: it is gone from the queue.
   *
   * @returns the next message of its key, which goes back to the queue
   */
  release(envelope: Envelope, by: 0 | 1): Item | undefined {
    const key = this.#keyOf(envelope)
    const lane = key === undefined ? undefined : this.#lanes.get(key)
    if (key === undefined || lane === undefined) return undefined
    lane.busy = Math.max(0, lane.busy - by)
    if (lane.busy > 0) return undefined
    const next = lane.waiting[lane.head]
    if (next !== undefined) this.#remove(lane, lane.head, next)
    if (lane.head === lane.waiting.length) this.#lanes.delete(key)
    return next
  }

  /** The oldest that counts against a limit. */
  get oldest(): Item | undefined {
    for (const item of this.#counted.items) return item
    return undefined
  }

  /** Removes one that waits. */
  take(item: Item): void {
    const lane = this.#lanes.get(this.#keyOf(item.envelope) ?? '')
    if (lane === undefined) return
    const at = lane.waiting[lane.head] === item ? lane.head : lane.waiting.indexOf(item, lane.head)
    if (at >= 0) this.#remove(lane, at, item)
  }

  /** In no order. */
  *all(): Generator<Item> {
    yield* this.#counted.items
    yield* this.#uncounted.items
  }

  /** Removes and returns all that wait, in their order. The keys stay busy. */
  takeAll(): Item[] {
    const all = [...this.all()].sort((a, b) => a.order - b.order)
    for (const item of all) this.#of(item).delete(item)
    for (const lane of this.#lanes.values()) {
      lane.waiting = none
      lane.head = 0
    }
    return all
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (const item of this.all()) item.envelope = separator.apart(item.envelope)
  }

  #of(item: Item): Waiting {
    return this.#isUncounted(item) ? this.#uncounted : this.#counted
  }

  #remove(lane: Lane, at: number, item: Item): void {
    this.#of(item).delete(item)
    if (at > lane.head) {
      lane.waiting.splice(at, 1)
      return
    }
    lane.head += 1
    if (lane.head > 1_024 && lane.head * 2 > lane.waiting.length) {
      lane.waiting = lane.waiting.slice(lane.head)
      lane.head = 0
    }
  }
}

/** Shared: most keys have nothing that waits. */
const none: Item[] = []

/** Mostly at the end; one that came back is before the others. */
function insert(lane: Lane, item: Item): void {
  const { waiting } = lane
  const first = waiting[lane.head]
  const last = waiting[waiting.length - 1]
  if (first === undefined || last === undefined || last.order < item.order) waiting.push(item)
  else if (item.order < first.order && lane.head > 0) waiting[--lane.head] = item
  else {
    let low = lane.head
    let high = waiting.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((waiting[middle]?.order ?? Infinity) < item.order) low = middle + 1
      else high = middle
    }
    waiting.splice(low, 0, item)
  }
}
