import type { ByteReader } from '../message/byte-reader.js'
import { ByteWriter } from '../message/byte-writer.js'
import { Encoding, Envelope, type Headers } from '../message/envelope.js'
import { tooLarge, writePayload } from '../message/payload.js'
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

/** A host passes on what another client published. */
const PASSED_ON = 0x40

/** Collects PUBLISH entries until somebody takes the frame. */
export class PublishWriter {
  readonly #table: WritingTable
  readonly #writer = new ByteWriter()
  #deltas = new Deltas()
  #count = 0

  constructor(table: WritingTable) {
    this.#table = table
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#writer.length
  }

  /**
   * Encodes the payload straight into the frame; after an error the frame is as it was. The payload was checked before:
   * it is checked again because getters may say something else each time.
   *
   * @throws InvalidPayloadError, PayloadTooLargeError
   */
  add(
    topic: string,
    sequence: number,
    timestamp: number,
    headers: Headers,
    payload: unknown,
    maxPayload: number,
  ): void {
    const start = this.#begin()
    const texts = this.#table.size
    const { sequence: lastSequence, timestamp: lastTimestamp } = this.#deltas
    try {
      this.#fields(topic, sequence, timestamp, headers)
      const at = this.#writer.length
      this.#writer.u32(0)
      writePayload(this.#writer, payload)
      const size = this.#writer.length - at - 4
      if (size > maxPayload) throw tooLarge(size, maxPayload)
      this.#writer.u32At(at, size)
      this.#count++
    } catch (error) {
      this.#writer.truncate(start)
      this.#table.truncate(texts)
      this.#deltas.sequence = lastSequence
      this.#deltas.timestamp = lastTimestamp
      throw error
    }
  }

  /** One whose payload is bytes already: of this client (no publisher is named), or passed on by it. */
  addBytes(envelope: Envelope): void {
    const { publisher, topic, sequence, timestamp, headers, encoding } = envelope
    this.#begin()
    if (publisher === '') this.#fields(topic, sequence, timestamp, headers)
    else this.#fields(topic, sequence, timestamp, headers, publisher, PASSED_ON | encoding)
    writePayloadOf(this.#writer, envelope)
    this.#count++
  }

  take(): Uint8Array {
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

/** One entry at a time. The publisher is the client that the frame came from, unless that is a host and names another. */
export class PublishReader {
  readonly #reader: ByteReader
  readonly #table: Pick<ReadingTable, 'read'>
  readonly #publisher: string
  readonly #mayPassOn: boolean
  readonly #deltas = new Deltas()

  constructor(reader: ByteReader, table: Pick<ReadingTable, 'read'>, publisher: string, mayPassOn = false) {
    this.#reader = reader
    this.#table = table
    this.#publisher = publisher
    this.#mayPassOn = mayPassOn
  }

  next(): Envelope | undefined {
    const reader = this.#reader
    if (reader.remaining === 0) return undefined
    const flags = reader.u8()
    const isPassedOn = (flags & PASSED_ON) !== 0
    if (isPassedOn && !this.#mayPassOn) throw reader.fail('names another publisher, as only a host may')
    const topic = readTopic(reader, this.#table)
    const publisher = isPassedOn ? this.#table.read(reader) : this.#publisher
    const sequence = this.#deltas.readSequence(reader)
    const timestamp = this.#deltas.readTimestamp(reader)
    const headers = readHeaders(reader, flags)
    const encoding = isPassedOn ? readEncoding(reader, flags) : Encoding.Bytes
    const size = reader.u32()
    const offset = reader.skip(size)
    const { bytes } = reader
    return new Envelope(publisher, sequence, topic, headers, timestamp, bytes, size, encoding, offset)
  }
}
