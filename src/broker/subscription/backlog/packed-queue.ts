import type { Separator } from '../../memory/separator.js'
import { Item } from './item.js'
import { PackedEnvelopes } from './packed-envelopes.js'
import { PendingQueue } from './pending-queue.js'

/** The number of items that stand ready. The items behind them are packed. */
const READY = 1_024

/** A pending queue whose end is packed once it is long: a million messages take little more memory than their bytes. */
export class PackedQueue extends PendingQueue {
  /** Behind all that stand ready. A message that comes back was handed out, so it belongs before these. */
  #packed: PackedEnvelopes[] = []
  #packedLength = 0
  #packedBytes = 0

  override get length(): number {
    return super.length + this.#packedLength
  }

  override get bytes(): number {
    return super.bytes + this.#packedBytes
  }

  override get first(): Item | undefined {
    if (this.#packedLength > 0 && super.length === 0) this.#unpack()
    return super.first
  }

  override push(item: Item): void {
    if (this.#packedLength === 0 && super.length < READY) {
      super.push(item)
      return
    }
    this.#packedLength += 1
    this.#packedBytes += item.envelope.size
    item.envelope.hold()
    if (this.#packed.at(-1)?.add(item.envelope, item.order) === true) return
    const packed = new PackedEnvelopes(item.order)
    packed.add(item.envelope, item.order)
    this.#packed.push(packed)
  }

  override shift(): Item | undefined {
    return this.first === undefined ? undefined : super.shift()
  }

  override *[Symbol.iterator](): Generator<Item> {
    yield* super[Symbol.iterator]()
    for (const packed of this.#packed) yield* itemsOf(packed)
  }

  override separate(separator: Separator): void {
    super.separate(separator)
    for (const packed of this.#packed) packed.separate(separator)
  }

  override clear(): void {
    super.clear()
    for (const packed of this.#packed) packed.release()
    this.#packed = []
    this.#packedLength = 0
    this.#packedBytes = 0
  }

  #unpack(): void {
    const packed = this.#packed.shift()
    if (packed === undefined) return
    this.#packedLength -= packed.length
    for (const item of itemsOf(packed)) {
      this.#packedBytes -= item.envelope.size
      super.push(item)
    }
    packed.release()
  }
}

function* itemsOf(packed: PackedEnvelopes): Generator<Item> {
  let at = 0
  for (const envelope of packed.envelopes()) yield new Item(envelope, packed.orderAt(at++))
}
