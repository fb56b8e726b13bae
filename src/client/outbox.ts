import { ClosedError, OutboxFullError, type MsgvanError } from '../errors.js'
import type { Headers } from '../message/envelope.js'
import { fromWireError, type Outcome } from '../wire/control-frames.js'
import { bodyOf, FrameKind } from '../wire/frames.js'
import type { Link } from '../wire/link.js'
import { BATCH_BYTES } from '../wire/protocol.js'
import { PublishWriter, readPublications } from '../wire/publish-frame.js'
import { rereading, WritingTable } from '../wire/string-table.js'
import { Group } from './publish-group.js'

export interface OutboxLimits {
  readonly maxMessages: number
  readonly maxBytes: number
  readonly maxPayload: number
}

/** One PUBLISH frame and who waits for its entries. */
interface Batch {
  readonly number: number
  readonly bytes: Uint8Array
  /** By entry; undefined once its outcome is known. */
  readonly groups: (Group | undefined)[]
  /** Held back by the host, by entry. */
  held: Set<number> | undefined
}

/** Publishes on their way to the host: collected into frames, kept until the host has taken them over, bounded. */
export class Outbox {
  readonly #limits: OutboxLimits
  #link: Link
  #table = new WritingTable()
  #writer = new PublishWriter(this.#table)
  /** Of the frame being collected. */
  #groups: Group[] = []
  #byTopic = new Map<string, Group>()
  #lastTopic: string | undefined
  #lastGroup: Group | undefined
  /** Sent and not acknowledged, in order. */
  #batches: Batch[] = []
  /** Acknowledged, but for entries that the host holds back. */
  #holding = new Map<number, Batch>()
  #messages = 0
  #bytes = 0
  #sequence = 0
  /** Set by the first refusal: from then on each publish has a promise of its own. */
  #isCareful = false

  constructor(link: Link, limits: OutboxLimits) {
    this.#link = link
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return this.#messages === 0
  }

  /** Something may be refused by itself soon: publishes of one turn and topic no longer share their outcome. */
  beCareful(): void {
    this.#isCareful = true
  }

  publish(topic: string, payload: unknown, headers: Headers): Promise<void> {
    const { maxMessages, maxBytes, maxPayload } = this.#limits
    if (this.#messages >= maxMessages || this.#bytes + this.#writer.bytes >= maxBytes)
      return Promise.reject(this.#full())
    this.#writer.add(topic, this.#sequence + 1, Date.now(), headers, payload, maxPayload)
    this.#sequence++
    this.#messages++
    const group = this.#groupOf(topic)
    this.#groups.push(group)
    if (this.#writer.bytes >= BATCH_BYTES) this.flush()
    else this.#link.wake()
    return group.promise
  }

  flush(): void {
    if (this.#writer.count === 0) return
    const bytes = this.#writer.take()
    const groups = this.#groups
    this.#groups = []
    this.#byTopic.clear()
    this.#lastTopic = undefined
    this.#bytes += bytes.length
    // The number is the link's next one: an acknowledgement cannot come before `send` returns.
    const number = this.#link.lastNumber + 1
    this.#batches.push({ number, bytes, groups, held: undefined })
    this.#link.send(FrameKind.Publish, bytes)
  }

  /** The host is done with all frames up to this number. */
  acked(number: number): void {
    let done = 0
    for (const batch of this.#batches) {
      if (batch.number > number) break
      done++
      this.#settle(batch)
    }
    if (done > 0) this.#batches.splice(0, done)
  }

  /** Comes before the acknowledgement of its frame, and again for what was held back. */
  outcome({ frame, entries }: Outcome): void {
    const batch = this.#holding.get(frame) ?? this.#batches.find(each => each.number === frame)
    if (batch === undefined) return
    for (const { index, outcome } of entries) {
      const group = batch.groups[index]
      if (group === undefined) continue
      if (outcome === 'held') {
        batch.held ??= new Set()
        batch.held.add(index)
        continue
      }
      if (outcome !== 'taken') {
        this.#isCareful = true
        group.refuse(fromWireError(outcome))
      }
      batch.held?.delete(index)
      this.#close(batch, index)
    }
    if (batch.held?.size === 0 && this.#holding.delete(frame)) this.#bytes -= batch.bytes.length
  }

  /** The host has a new session for us: what it did not take over goes again, in order. */
  renew(link: Link): void {
    const again = [...this.#holding.values(), ...this.#batches]
    const wasHeld = new Set(this.#holding.values())
    this.#closeInto(again)
    const table = this.#table
    this.#link = link
    this.#table = new WritingTable()
    this.#writer = new PublishWriter(this.#table)
    this.#batches = []
    this.#holding = new Map()
    this.#bytes = 0
    for (const batch of again) this.#writeAgain(batch, table, wasHeld.has(batch))
  }

  rejectAll(error: MsgvanError): void {
    const groups = new Set<Group>(this.#groups)
    for (const batch of [...this.#holding.values(), ...this.#batches]) {
      for (const group of batch.groups) if (group !== undefined) groups.add(group)
    }
    this.#batches = []
    this.#holding.clear()
    this.#groups = []
    this.#byTopic.clear()
    this.#lastTopic = undefined
    this.#writer = new PublishWriter(this.#table)
    this.#messages = 0
    this.#bytes = 0
    for (const group of groups) group.reject(error)
  }

  /** What is being collected becomes a batch without being sent on the old link. */
  #closeInto(batches: Batch[]): void {
    if (this.#writer.count === 0) return
    batches.push({ number: 0, bytes: this.#writer.take(), groups: this.#groups, held: undefined })
    this.#groups = []
    this.#byTopic.clear()
    this.#lastTopic = undefined
  }

  #writeAgain(batch: Batch, table: WritingTable, onlyHeld: boolean): void {
    let index = 0
    for (const publication of readPublications(bodyOf(batch.bytes), rereading(table))) {
      const group = batch.groups[index]
      const wanted = group !== undefined && (!onlyHeld || batch.held?.has(index) === true)
      index++
      if (!wanted) continue
      this.#writer.addAgain(publication)
      this.#groups.push(group)
      if (this.#writer.bytes >= BATCH_BYTES) this.flush()
    }
    this.flush()
  }

  /** All publishes of one turn on one topic share a promise: they are taken over, or held back, together. */
  #groupOf(topic: string): Group {
    if (this.#isCareful) return new Group(1)
    let group = topic === this.#lastTopic ? this.#lastGroup : this.#byTopic.get(topic)
    if (group === undefined) {
      group = new Group(0)
      this.#byTopic.set(topic, group)
    }
    this.#lastTopic = topic
    this.#lastGroup = group
    group.open++
    return group
  }

  /** Acknowledged: everything that is not held back was taken over. */
  #settle(batch: Batch): void {
    const { held, groups } = batch
    for (let index = 0; index < groups.length; index++) {
      if (held === undefined || !held.has(index)) this.#close(batch, index)
    }
    if (held !== undefined && held.size > 0) this.#holding.set(batch.number, batch)
    else this.#bytes -= batch.bytes.length
  }

  #close(batch: Batch, index: number): void {
    const group = batch.groups[index]
    if (group === undefined) return
    batch.groups[index] = undefined
    this.#messages--
    group.close()
  }

  #full(): OutboxFullError {
    const { maxMessages, maxBytes } = this.#limits
    return new OutboxFullError(
      `The outbox is full: ${this.#messages} messages wait for the host (at most ${maxMessages}, or ${maxBytes} bytes). ` +
        'Await publish() so that you are slowed down.',
    )
  }
}

export function closedError(): ClosedError {
  return new ClosedError('This bus is closed. Make a new one.')
}
