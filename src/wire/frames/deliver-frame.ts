import type { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { Envelope, RedrivenEnvelope, type BytesHolder } from '../../message/envelope.js'
import { beginFrame } from './frames.js'
import {
  Deltas,
  readEncoding,
  readHeaders,
  readTopic,
  writeFlags,
  writeHeaders,
  writePayloadOf,
} from './message-fields.js'
import type { ReadingTable, WritingTable } from './string-table.js'

const REDELIVERED = 0x40
const RETRIED = 0x20
/** The same message as in the entry before: a client may have many subscriptions that match it. */
const SAME = 0x10
/** A dead letter that is delivered once more. */
const REPLAYED = 0x08

export interface Delivery {
  /** The subscription's number, chosen by the client. */
  readonly subscription: number
  /** Consecutive within the subscription, from 1. */
  readonly number: number
  readonly attempt: number
  readonly redelivered: boolean
  readonly envelope: Envelope
}

/** Collects DELIVER entries until its owner takes the frame. */
export class DeliverWriter {
  readonly table: WritingTable
  readonly #writer = new ByteWriter()
  #deltas = new Deltas()
  /** The last message in this frame. */
  #last: Envelope | undefined

  constructor(table: WritingTable) {
    this.table = table
  }

  get bytes(): number {
    return this.#writer.length
  }

  /** The envelope's body is bytes: a host never decodes them. */
  add(subscription: number, number: number, envelope: Envelope, attempt: number, redelivered: boolean): void {
    const writer = this.#writer
    if (writer.length === 0) beginFrame(writer)
    const own = (redelivered ? REDELIVERED : 0) | (attempt > 1 ? RETRIED : 0)
    if (envelope === this.#last) {
      writer.u8(own | SAME)
      this.#place(subscription, number, attempt)
      return
    }
    this.#last = envelope
    const { headers, topic, publisher, sequence, timestamp, encoding } = envelope
    writeFlags(writer, headers, encoding | own | (envelope.isRedriven ? REPLAYED : 0))
    this.#place(subscription, number, attempt)
    this.table.write(writer, topic)
    this.table.write(writer, publisher)
    this.#deltas.writeSequence(writer, sequence)
    this.#deltas.writeTimestamp(writer, timestamp)
    writeHeaders(writer, headers)
    writePayloadOf(writer, envelope)
  }

  take(): Uint8Array {
    this.#deltas = new Deltas()
    this.#last = undefined
    return this.#writer.take()
  }

  #place(subscription: number, number: number, attempt: number): void {
    const writer = this.#writer
    writer.varint(subscription)
    writer.varint(number)
    if (attempt > 1) writer.varint(attempt)
  }
}

/** One entry at a time: a consumer that leaves in the middle does not pay for the rest. */
export class DeliverReader {
  readonly #reader: ByteReader
  readonly #table: Pick<ReadingTable, 'read'>
  readonly #deltas = new Deltas()
  readonly #block: BytesHolder | undefined
  #last: Envelope | undefined

  /** @param block counts the memory of the frame */
  constructor(reader: ByteReader, table: Pick<ReadingTable, 'read'>, block?: BytesHolder) {
    this.#reader = reader
    this.#table = table
    this.#block = block
  }

  next(): Delivery | undefined {
    const reader = this.#reader
    if (reader.remaining === 0) return undefined
    const flags = reader.u8()
    const subscription = reader.varint()
    const number = reader.varint()
    const attempt = (flags & RETRIED) === 0 ? 1 : reader.varint()
    const envelope = (flags & SAME) === 0 ? this.#message(flags) : this.#again()
    return { subscription, number, attempt, redelivered: (flags & REDELIVERED) !== 0, envelope }
  }

  #again(): Envelope {
    if (this.#last === undefined) throw this.#reader.fail('repeats a message before the first')
    return this.#last
  }

  #message(flags: number): Envelope {
    const reader = this.#reader
    const topic = readTopic(reader, this.#table)
    const publisher = this.#table.read(reader)
    const sequence = this.#deltas.readSequence(reader)
    const timestamp = this.#deltas.readTimestamp(reader)
    const headers = readHeaders(reader, flags)
    const encoding = readEncoding(reader, flags)
    const size = reader.u32()
    const offset = reader.skip(size)
    const { bytes } = reader
    const Kind = (flags & REPLAYED) === 0 ? Envelope : RedrivenEnvelope
    this.#last = new Kind(
      publisher,
      sequence,
      topic,
      headers,
      timestamp,
      bytes,
      size,
      encoding,
      offset,
      this.#block,
    )
    return this.#last
  }
}
