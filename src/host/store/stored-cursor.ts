import type { Cursor } from '../../broker/durable/durable-log.js'
import { OpenPlaces } from '../../broker/durable/open-places.js'
import type { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import type { SubscriptionRequest } from '../../bus/contract/subscription-request.js'
import type { Envelope } from '../../message/envelope.js'
import { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { StoreDamagedError } from '../../errors.js'

/** The store around a cursor. */
export interface CursorOwner {
  changed(cursor: StoredCursor): void
  renewed(cursor: StoredCursor, request: SubscriptionRequest): void
  owe(cursor: StoredCursor, envelope: Envelope): StoredEnvelope
  owed(cursor: StoredCursor): StoredEnvelope[]
  settleOwed(cursor: StoredCursor, at: number): void
  ended(cursor: StoredCursor, request: SubscriptionRequest, reason: string): void
  removed(cursor: StoredCursor): void
}

export interface CursorState {
  high: number
  liveFrom: number
  droppedThrough: number
  waiting: number
  waitingBytes: number
  open: OpenPlaces
}

/** One subscription's cursor. Its key is that of its record; one without a key is not in the store. */
export class StoredCursor implements Cursor {
  high: number
  readonly liveFrom: number
  droppedThrough: number
  waiting: number
  waitingBytes: number
  readonly open: OpenPlaces
  refused: Cursor['refused']
  readonly #owner: CursorOwner
  /** Its owner knows that it has changed, until it is written. */
  #isMarkedChanged = false

  constructor(
    public key: string | undefined,
    /** The subscription's. */
    readonly id: string | undefined,
    { high, liveFrom, droppedThrough, waiting, waitingBytes, open }: CursorState,
    owner: CursorOwner,
  ) {
    this.high = high
    this.liveFrom = liveFrom
    this.droppedThrough = droppedThrough
    this.waiting = waiting
    this.waitingBytes = waitingBytes
    this.open = open
    this.#owner = owner
  }

  /** It is owed nothing before this place. */
  needsFrom(end: number): number {
    const unread = this.waiting > 0 || this.high + 1 < this.liveFrom ? this.high + 1 : end
    return Math.min(unread, this.open.first)
  }

  changed(): void {
    if (this.#isMarkedChanged) return
    this.#isMarkedChanged = true
    this.#owner.changed(this)
  }

  renew(request: SubscriptionRequest): void {
    this.#owner.renewed(this, request)
  }

  owe(envelope: Envelope): StoredEnvelope {
    return this.#owner.owe(this, envelope)
  }

  owed(): StoredEnvelope[] {
    return this.#owner.owed(this)
  }

  settleOwed(at: number): void {
    this.#owner.settleOwed(this, at)
  }

  end(request: SubscriptionRequest, reason: string): void {
    this.#owner.ended(this, request, reason)
  }

  remove(): void {
    this.#owner.removed(this)
  }

  encode(): Uint8Array {
    this.#isMarkedChanged = false
    const writer = new ByteWriter()
    writer.varint(this.high)
    writer.varint(this.liveFrom)
    writer.varint(this.waiting)
    writer.varint(this.open.size)
    for (const [at, failures] of this.open) {
      writer.varint(at)
      writer.varint(failures + 1)
    }
    writer.varint(this.waitingBytes)
    // Not needed once `high` has passed it.
    if (this.droppedThrough > this.high) writer.varint(this.droppedThrough)
    return writer.take()
  }
}

/** @throws StoreDamagedError */
export function decodeCursor(bytes: Uint8Array): CursorState {
  const reader = new ByteReader(bytes, what => new StoreDamagedError(`A subscription's cursor ${what}.`))
  const [high, liveFrom, waiting] = [reader.varint(), reader.varint(), reader.varint()]
  const open: [number, number][] = []
  for (let left = reader.count(2); left > 0; left -= 1) open.push([reader.varint(), reader.varint() - 1])
  // Cursors of older versions end here.
  const waitingBytes = reader.remaining === 0 ? 0 : reader.varint()
  const droppedThrough = reader.remaining === 0 ? 0 : reader.varint()
  reader.end()
  return { high, liveFrom, droppedThrough, waiting, waitingBytes, open: new OpenPlaces(open) }
}
