import { StretchClock } from '../../broker/clock/stretch-clock.js'
import { refusedWith } from '../../bus/caught.js'
import { ClosedError, OutboxFullError, type MsgvanError } from '../../errors.js'
import { RepeatedEnvelope, type Envelope, type Headers } from '../../message/envelope.js'
import { tooLarge } from '../../codec/payload.js'
import { fromWireError, type Outcome } from '../../wire/frames/control-frames.js'
import { bodyOf, FrameKind } from '../../wire/frames/frames.js'
import type { Link } from '../../wire/link.js'
import { BATCH_BYTES, FRAME_OVERHEAD } from '../../wire/protocol.js'
import { PublishReader, PublishWriter, type Sequence } from '../../wire/frames/publish-frame.js'
import { rereading, WritingTable } from '../../wire/frames/string-table.js'
import { noBytes, type Batch } from './batch.js'
import { PublishPromise } from './publish-promise.js'

export interface OutboxLimits {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxPayload: number
}

/** Publishes on their way to the host. It collects them into frames, keeps them until the host accepts them, and is bounded. */
export class Outbox {
  readonly #limits: OutboxLimits
  /** The largest payload that both sides accept, as far as the host's limit is known. */
  #maxPayload: number
  #link: Link
  readonly #sequence: Sequence = { last: 0 }
  #table = new WritingTable()
  #writer = new PublishWriter(this.#table, this.#sequence)
  /** For the frame that is being collected. */
  #promises: PublishPromise[] = []
  /** Sent and not acknowledged, in order. */
  #batches: Batch[] = []
  /** Acknowledged, except for entries that the host holds back. */
  #holding = new Map<number, Batch>()
  #messages = 0
  #bytes = 0
  /** It passes on others' messages. Their publishers keep the entries that are held back, so that one full subscription does not fill this outbox. */
  #isForOthers = false
  readonly #clock = new StretchClock(undefined)

  constructor(link: Link, limits: OutboxLimits) {
    this.#link = link
    this.#limits = limits
    this.#maxPayload = limits.maxPayload
  }

  get maxPayload(): number {
    return this.#maxPayload
  }

  /** Sets the host's limit. @returns whether a frame is too large for it, so that all must be written again */
  hostTakes(maxPayload: number): boolean {
    this.#maxPayload = Math.min(maxPayload, this.#limits.maxPayload)
    const most = maxPayload + FRAME_OVERHEAD + BATCH_BYTES
    return this.#writer.bytes > most || this.#batches.some(({ bytes }) => bytes.length > most)
  }

  /** Publishes that the host has not accepted. */
  get size(): number {
    return this.#messages
  }

  get isEmpty(): boolean {
    return this.#messages === 0
  }

  publish(
    topic: string,
    payload: unknown,
    headers: Headers,
    refused?: (error: unknown) => void,
  ): Promise<void> {
    const { maxMessages, maxBytes } = this.#limits
    if (this.#messages >= maxMessages || this.#bytes + this.#writer.bytes >= maxBytes)
      return refusedWith(this.#full(), refused)
    this.#writer.add(topic, this.#clock.read(), headers, payload, this.#maxPayload)
    return this.#added(refused)
  }

  /**
   * For a host: passes on what another client published. Its body is bytes.
   *
   * @returns undefined while there is no room
   */
  passOn(envelope: Envelope): PublishPromise | undefined {
    const { maxMessages, maxBytes } = this.#limits
    if (this.#messages >= maxMessages || this.#bytes + this.#writer.bytes >= maxBytes) return undefined
    if (envelope.size > this.#maxPayload) {
      const promise = new PublishPromise()
      promise.refuse(tooLarge(envelope.size, this.#maxPayload))
      return promise
    }
    this.#isForOthers = true
    this.#writer.addBytes(envelope)
    return this.#added()
  }

  /**
   * @returns a function that reports whether all present publishes are accepted or refused. Later ones do not count.
   */
  whetherTaken(): () => boolean {
    const promises = [...this.#holding.values(), ...this.#batches].flatMap(batch => batch.promises)
    const waiting = [...promises, ...this.#promises].filter(promise => promise.isOpen)
    let next = 0
    return () => {
      while (waiting[next]?.isOpen === false) next += 1
      return next === waiting.length
    }
  }

  #added(refused?: (error: unknown) => void): PublishPromise {
    this.#messages++
    const promise = new PublishPromise(refused)
    this.#promises.push(promise)
    if (this.#writer.bytes >= BATCH_BYTES) this.flush()
    else this.#link.wake()
    return promise
  }

  flush(): void {
    if (this.#writer.count === 0) return
    const bytes = this.#writer.take()
    const promises = this.#promises
    this.#promises = []
    this.#bytes += bytes.length
    // The link's next number: an acknowledgement cannot come before `send` returns.
    const number = this.#link.lastNumber + 1
    this.#batches.push({ number, bytes, promises, held: undefined })
    this.#link.send(FrameKind.Publish, bytes)
  }

  /** The host has handled all frames up to this number. */
  acked(number: number): void {
    let done = 0
    for (const batch of this.#batches) {
      if (batch.number > number) break
      done++
      this.#settle(batch)
    }
    if (done > 0) this.#batches.splice(0, done)
  }

  /** It comes before the acknowledgement of its frame, and again for entries that were held back. */
  outcome({ frame, entries }: Outcome): void {
    const batch = this.#holding.get(frame) ?? this.#batches.find(each => each.number === frame)
    if (batch === undefined) return
    for (const { index, outcome } of entries) {
      const promise = batch.promises[index]
      if (promise?.isOpen !== true) continue
      if (outcome === 'held') {
        batch.held ??= new Set()
        if (this.#isForOthers && !batch.held.has(index)) this.#messages--
        batch.held.add(index)
        if (this.#holding.has(frame)) promise.whenHeld?.()
        continue
      }
      const wasHeld = batch.held?.delete(index) === true
      if (!(this.#isForOthers && wasHeld)) this.#messages--
      if (outcome === 'taken') promise.take()
      else promise.refuse(fromWireError(outcome))
    }
    if (batch.held?.size === 0 && this.#holding.delete(frame)) this.#bytes -= batch.bytes.length
  }

  /** A new session: sends everything again that the host did not take over, in order. */
  renew(link: Link): void {
    const again = [...this.#holding.values(), ...this.#batches]
    const wasHeld = new Set(this.#holding.values())
    this.#closeInto(again)
    const table = this.#table
    const { everTransmitted } = this.#link
    this.#link = link
    this.#table = new WritingTable()
    this.#writer = new PublishWriter(this.#table, this.#sequence)
    this.#batches = []
    this.#holding = new Map()
    this.#bytes = 0
    for (const batch of again) this.#writeAgain(batch, table, wasHeld.has(batch), everTransmitted)
  }

  rejectAll(error: MsgvanError): void {
    const batches = [...this.#holding.values(), ...this.#batches]
    this.#closeInto(batches)
    this.#batches = []
    this.#holding.clear()
    this.#messages = 0
    this.#bytes = 0
    for (const { promises } of batches) for (const promise of promises) promise.refuse(error)
  }

  /** Makes a batch of the frame that is being collected, without sending it on the old link. */
  #closeInto(batches: Batch[]): void {
    if (this.#writer.count === 0) return
    batches.push({ number: 0, bytes: this.#writer.take(), promises: this.#promises, held: undefined })
    this.#promises = []
  }

  #writeAgain(batch: Batch, table: WritingTable, onlyHeld: boolean, everTransmitted: number): void {
    let index = 0
    // A frame that never left this side is not a repetition.
    const isRepeated = batch.number > 0 && batch.number <= everTransmitted
    const reader = new PublishReader(bodyOf(batch.bytes), rereading(table), '', publisher => publisher)
    for (let publication = reader.next(); publication !== undefined; publication = reader.next()) {
      const promise = batch.promises[index]
      const wanted = promise?.isOpen === true && (!onlyHeld || batch.held?.has(index) === true)
      index++
      if (!wanted) continue
      if (publication.size > this.#maxPayload) {
        this.#messages--
        promise.refuse(tooLarge(publication.size, this.#maxPayload))
        continue
      }
      this.#writer.addBytes(isRepeated ? publication.as(RepeatedEnvelope) : publication)
      this.#promises.push(promise)
      if (this.#writer.bytes >= BATCH_BYTES) this.flush()
    }
    this.flush()
  }

  /** Its frame is acknowledged: every entry that is not held back was accepted. */
  #settle(batch: Batch): void {
    const { held, promises } = batch
    promises.forEach((promise, index) => {
      if (!promise.isOpen) return
      if (held?.has(index) === true) return promise.whenHeld?.()
      this.#messages--
      promise.take()
    })
    if (held !== undefined && held.size > 0) {
      this.#holding.set(batch.number, batch)
      if (!this.#isForOthers) return
    }
    this.#bytes -= batch.bytes.length
    batch.bytes = noBytes
  }

  #full(): OutboxFullError {
    const { maxMessages, maxBytes } = this.#limits
    return new OutboxFullError(
      `The outbox is full: ${this.#messages} messages wait for the host (at most ${maxMessages}, or ${maxBytes} bytes). ` +
        'Await publish(), which slows you down.',
    )
  }
}

export function closedError(): ClosedError {
  return new ClosedError('This bus is closed. Make a new one.')
}
