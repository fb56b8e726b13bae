import type { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { Envelope, RepeatedEnvelope, type Headers, type BytesHolder } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import { checkSize, tooLarge, writePayload } from '../../codec/payload.js'
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

/** A host passes on another client's publish. */
const PASSED_ON = 0x40
/**
 * It was sent before, in a lost session: if the host does not know its publisher, some subscriptions may have it
 * already.
 */
const REPEATED = 0x20

/** The number of the last message of its publisher. */
export interface Sequence {
  last: number
}

/** Collects PUBLISH entries until its owner takes the frame. */
export class PublishWriter {
  readonly #table: WritingTable
  readonly #sequence: Sequence
  #writer = new ByteWriter()
  #deltas = new Deltas()
  #count = 0
  /**
   * Numbers entries. `#underWay` is the entry that is being written, or 0; the other fields are the state to go back to
   * if it is left out.
   */
  #begun = 0
  #underWay = 0
  #start = 0
  #texts = 0
  #lastSequence = 0
  #lastTimestamp = 0

  constructor(table: WritingTable, sequence: Sequence = { last: 0 }) {
    this.#table = table
    this.#sequence = sequence
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#writer.length
  }

  /**
   * Encodes the payload straight into the frame, with the next number. After an error the frame is as it was. A getter
   * of the payload may publish, or send the collected entries: the frame goes on without this entry, which follows.
   *
   * @throws InvalidPayloadError, PayloadTooLargeError
   */
  add(topic: string, timestamp: number, headers: Headers, payload: unknown, maxPayload: number): void {
    checkSize(payload, maxPayload)
    this.#setAside()
    const entry = this.#beginEntry()
    const writer = this.#writer
    try {
      this.#fields(topic, this.#sequence.last + 1, timestamp, headers)
      const at = writer.length
      writer.u32(0)
      writePayload(writer, payload)
      const size = writer.length - at - 4
      if (size > maxPayload) throw tooLarge(size, maxPayload)
      if (this.#underWay === entry) writer.u32At(at, size)
      else this.#addAfter(topic, timestamp, headers, writer.view(at + 4))
      this.#sequence.last++
      this.#count++
    } catch (error) {
      if (this.#underWay === entry) this.#leaveOut()
      throw error
    } finally {
      this.#underWay = 0
    }
  }

  #beginEntry(): number {
    this.#start = this.#begin()
    this.#texts = this.#table.size
    this.#lastSequence = this.#deltas.sequence
    this.#lastTimestamp = this.#deltas.timestamp
    return (this.#underWay = ++this.#begun)
  }

  /** The payload's getters have sent the frame, or written to it. */
  #addAfter(topic: string, timestamp: number, headers: Headers, payload: Uint8Array): void {
    this.#begin()
    this.#fields(topic, this.#sequence.last + 1, timestamp, headers)
    this.#writer.u32(payload.length)
    this.#writer.raw(payload)
  }

  #leaveOut(): void {
    this.#writer.truncate(this.#start)
    this.#table.truncate(this.#texts)
    this.#deltas.sequence = this.#lastSequence
    this.#deltas.timestamp = this.#lastTimestamp
  }

  /** An entry under way continues in the old writer; the finished part before it moves to a new one. */
  #setAside(): void {
    if (this.#underWay === 0) return
    this.#underWay = 0
    const old = this.#writer
    this.#writer = new ByteWriter()
    this.#writer.raw(old.view(0, this.#start))
    this.#table.truncate(this.#texts)
    this.#deltas.sequence = this.#lastSequence
    this.#deltas.timestamp = this.#lastTimestamp
  }

  /** For a payload in bytes: of this client (without a publisher), or passed on by it. */
  addBytes(envelope: Envelope): void {
    const { publisher, topic, sequence, timestamp, headers, encoding } = envelope
    const repeated = envelope.mayHaveCome ? REPEATED : 0
    this.#setAside()
    this.#begin()
    if (publisher === '') this.#fields(topic, sequence, timestamp, headers, '', repeated)
    else this.#fields(topic, sequence, timestamp, headers, publisher, PASSED_ON | repeated | encoding)
    writePayloadOf(this.#writer, envelope)
    this.#count++
  }

  take(): Uint8Array {
    this.#setAside()
    this.#deltas = new Deltas()
    this.#count = 0
    return this.#writer.take()
  }

  #begin(): number {
    if (this.#count === 0 && this.#writer.length === 0) beginFrame(this.#writer)
    return this.#writer.length
  }

  #fields(
    topic: string,
    sequence: number,
    timestamp: number,
    headers: Headers,
    publisher = '',
    flags = 0,
  ): void {
    const writer = this.#writer
    writeFlags(writer, headers, flags)
    this.#table.write(writer, topic)
    if (publisher !== '') this.#table.write(writer, publisher)
    this.#deltas.writeSequence(writer, sequence)
    this.#deltas.writeTimestamp(writer, timestamp)
    writeHeaders(writer, headers)
  }
}

/** One entry at a time. The publisher is the client that sent the frame, unless that is a host and names another. */
export class PublishReader {
  readonly #reader: ByteReader
  readonly #table: Pick<ReadingTable, 'read'>
  readonly #publisher: string
  readonly #nameOf: ((publisher: string) => string) | undefined
  readonly #block: BytesHolder | undefined
  readonly #deltas = new Deltas()

  /**
   * @param nameOf of a host that passes on publishes: the name here of a publisher there
   * @param block counts the memory of the frame
   */
  constructor(
    reader: ByteReader,
    table: Pick<ReadingTable, 'read'>,
    publisher: string,
    nameOf?: (publisher: string) => string,
    block?: BytesHolder,
  ) {
    this.#block = block
    this.#reader = reader
    this.#table = table
    this.#publisher = publisher
    this.#nameOf = nameOf
  }

  next(): Envelope | undefined {
    const reader = this.#reader
    if (reader.remaining === 0) return undefined
    const flags = reader.u8()
    const isPassedOn = (flags & PASSED_ON) !== 0
    const nameOf = this.#nameOf
    if (isPassedOn && nameOf === undefined) throw reader.fail('names another publisher, as only a host may')
    const topic = readTopic(reader, this.#table)
    const publisher = isPassedOn ? (nameOf?.(this.#table.read(reader)) ?? '') : this.#publisher
    const sequence = this.#deltas.readSequence(reader)
    const timestamp = this.#deltas.readTimestamp(reader)
    const headers = readHeaders(reader, flags)
    const encoding = isPassedOn ? readEncoding(reader, flags) : Encoding.Bytes
    const size = reader.u32()
    const offset = reader.skip(size)
    const { bytes } = reader
    const Kind = (flags & REPEATED) === 0 ? Envelope : RepeatedEnvelope
    return new Kind(
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
  }
}
