import type { SubscriptionRequest } from '../../../bus/contract/subscription-request.js'
import type { Envelope } from '../../../message/envelope.js'
import type { Separator } from '../../memory/separator.js'
import type { HeldBack } from './held-back.js'
import { Item } from './item.js'
import type { KeyLanes } from './key-lanes.js'
import { PackedQueue } from './packed-queue.js'
import type { PendingQueue } from './pending-queue.js'
import type { RetryQueue } from './retry-queue.js'

/** The messages that a subscription owes and has not handed out: pending ones, held ones, and those that wait for a retry. */
export class Backlog {
  #queue: PendingQueue | undefined
  /** Both are made when there is something in them: of very many subscriptions few have any of it. */
  retries: RetryQueue | undefined
  heldBack: HeldBack | undefined
  /** Order by key. Undefined: another order, or none. */
  lanes: KeyLanes | undefined
  /** The place of the next new message in the subscription's order. */
  nextOrder = 1

  constructor(queue: PendingQueue | undefined) {
    this.#queue = queue
  }

  /** Messages in the queue, or waiting for their keys; the held ones at its end included. */
  get queued(): number {
    return this.lanes === undefined ? this.inTurn : this.inTurn + this.lanes.size
  }

  /** Messages in the queue itself. */
  get inTurn(): number {
    return this.#queue?.length ?? 0
  }

  /** All messages. */
  get size(): number {
    return this.queued + (this.retries?.size ?? 0)
  }

  get pending(): number {
    return this.size - this.held
  }

  get pendingBytes(): number {
    return (this.#queue?.bytes ?? 0) + (this.lanes?.bytes ?? 0) + (this.retries?.bytes ?? 0) - this.heldBytes
  }

  /** Messages at the end of the queue without room: their publishers wait. */
  get held(): number {
    return this.heldBack?.count ?? 0
  }

  get heldBytes(): number {
    return this.heldBack?.bytes ?? 0
  }

  /** Publishers wait for room. */
  get isHolding(): boolean {
    return this.heldBack?.isEmpty === false
  }

  /** A failed message waits for its next attempt. */
  get isRetrying(): boolean {
    return this.retries !== undefined && this.retries.size > 0
  }

  /** Pending messages that count against `maxPending`. */
  get counted(): number {
    return this.pending - (this.#queue?.replaying ?? 0) - (this.lanes?.uncounted ?? 0)
  }

  get countedBytes(): number {
    return this.pendingBytes - (this.#queue?.replayingBytes ?? 0) - (this.lanes?.uncountedBytes ?? 0)
  }

  /** Changes while the log is read for its messages. */
  get readTo(): number {
    return this.#queue?.readTo ?? 0
  }

  /** There is room for one more, behind as many as `coming`. */
  hasRoom({ maxPending, maxPendingBytes }: SubscriptionRequest, coming = 0): boolean {
    const { counted } = this
    return counted + coming < maxPending && (this.countedBytes < maxPendingBytes || counted === 0)
  }

  /** The pending messages are within the limits. */
  isWithin({ maxPending, maxPendingBytes }: SubscriptionRequest): boolean {
    return this.counted <= maxPending && this.countedBytes <= maxPendingBytes
  }

  /** The next message to hand out. */
  get first(): Item | undefined {
    const queue = this.#queue
    return queue === undefined || queue.length <= this.held ? undefined : queue.first
  }

  /** The first message, even if it is held. */
  get oldest(): Item | undefined {
    return this.#oldestInLanes ?? this.#queue?.first
  }

  /** It waits for its key, and no message of the queue is older. */
  get #oldestInLanes(): Item | undefined {
    const oldest = this.lanes?.oldest
    const first = oldest === undefined ? undefined : this.#queue?.first
    return first !== undefined && first.order < (oldest?.order ?? 0) ? undefined : oldest
  }

  push(item: Item): void {
    this.#made.push(item)
  }

  /** Adds a new message at the end. */
  enqueue(envelope: Envelope): void {
    this.#made.push(new Item(envelope, this.nextOrder++))
  }

  shift(): Item | undefined {
    return this.#queue?.shift()
  }

  /** The oldest that counts against a limit. */
  shiftOldest(): Item | undefined {
    const oldest = this.#oldestInLanes
    if (oldest !== undefined) this.lanes?.take(oldest)
    const dropped = oldest ?? this.#queue?.shiftOldest()
    if (dropped !== undefined) this.release(dropped.envelope, 0)
    return dropped
  }

  /** See `KeyLanes.release`. */
  release(envelope: Envelope, by: 0 | 1 = 1): void {
    const next = this.lanes?.release(envelope, by)
    if (next !== undefined) this.restore(next)
  }

  /** Another order, or none. The messages that waited for their keys are back in the queue. */
  reorder(lanes: KeyLanes | undefined): void {
    const waiting = this.lanes?.takeAll() ?? []
    this.lanes = lanes
    if (waiting.length > 0) this.restoreAll(waiting)
  }

  /** A message that counts against no limit. */
  isUncounted(item: Item): boolean {
    return this.#queue?.isUncounted?.(item) ?? false
  }

  /** Puts a message back into its old place. */
  restore(item: Item): void {
    this.#made.restore(item)
  }

  restoreAll(items: Item[]): void {
    this.#made.restoreAll(items)
  }

  /** The messages that wait for a retry are pending. */
  endRetries(): void {
    for (const item of this.retries?.items() ?? []) this.restore(item)
    this.retries?.clear()
  }

  /** Removes and returns all messages. */
  takeAll(): Item[] {
    this.reorder(undefined)
    const all = [...(this.#queue ?? []), ...(this.retries?.items() ?? [])]
    this.#queue?.clear()
    this.retries?.clear()
    return all
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    this.#queue?.separate(separator)
    this.lanes?.separate(separator)
    this.retries?.separate(separator)
  }

  /** Messages that were handed out, or failed, before; with the milliseconds until a retry. */
  *begun(): Generator<[Item, number?]> {
    if (this.retries !== undefined) yield* this.retries.waits()
    for (const item of this.lanes?.all() ?? []) if (item.isBegun) yield [item]
    for (const item of this.#queue?.begun() ?? []) yield [item]
  }

  /** Messages that were never handed out, in order. */
  *fresh(): Generator<Item> {
    const waiting = [...(this.lanes?.all() ?? [])].filter(({ isBegun }) => !isBegun)
    waiting.sort((a, b) => a.order - b.order)
    let next = 0
    for (const item of this.#queue ?? []) {
      if (item.isBegun) continue
      for (let before = waiting[next]; before !== undefined && before.order < item.order;) {
        yield before
        before = waiting[++next]
      }
      yield item
    }
    yield* waiting.slice(next)
  }

  get #made(): PendingQueue {
    return (this.#queue ??= new PackedQueue())
  }
}
