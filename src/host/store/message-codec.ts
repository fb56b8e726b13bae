import { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import type { BytesHolder, Envelope } from '../../message/envelope.js'
import type { Wants } from '../../broker/wanting.js'
import { StoredEnvelope } from '../../broker/durable/stored-envelope.js'
import { StoreDamagedError } from '../../errors.js'
import {
  Deltas,
  readEncoding,
  readHeaders,
  writeFlags,
  writeHeaders,
  writePayloadOf,
} from '../../wire/frames/message-fields.js'
import { ReadingTable, WritingTable } from '../../wire/frames/string-table.js'

/** Writes messages one after another; each topic and publisher is written out once. */
export class MessageWriter {
  readonly #writer = new ByteWriter()
  #topics = new WritingTable()
  #publishers = new WritingTable()
  #deltas = new Deltas()
  #count = 0

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#writer.length
  }

  add(envelope: Envelope): void {
    const writer = this.#writer
    writeFlags(writer, envelope.headers, envelope.encoding)
    this.#topics.write(writer, envelope.topic)
    this.#publishers.write(writer, envelope.publisher)
    this.#deltas.writeSequence(writer, envelope.sequence)
    this.#deltas.writeTimestamp(writer, envelope.timestamp)
    writeHeaders(writer, envelope.headers)
    writePayloadOf(writer, envelope)
    this.#count += 1
  }

  take(): Uint8Array {
    this.#topics = new WritingTable()
    this.#publishers = new WritingTable()
    this.#deltas = new Deltas()
    this.#count = 0
    return this.#writer.take()
  }
}

/** Reads one result of a MessageWriter. */
export class MessageReader {
  readonly #reader: ByteReader
  readonly #topics = new ReadingTable()
  readonly #publishers = new ReadingTable()
  readonly #deltas = new Deltas()
  readonly #block: BytesHolder | undefined

  /** @param block counts the memory of these bytes */
  constructor(bytes: Uint8Array, block?: BytesHolder) {
    this.#block = block
    this.#reader = new ByteReader(
      bytes,
      what => new StoreDamagedError(`A message in the store ${what}. See \`msgvan store check\`.`),
    )
  }

  /**
   * The next message, or undefined if it is not wanted.
   *
   * @throws StoreDamagedError
   */
  read(at: number, wants: Wants): StoredEnvelope | undefined {
    const reader = this.#reader
    const flags = reader.u8()
    const topic = this.#topics.read(reader)
    const publisher = this.#publishers.read(reader)
    const sequence = this.#deltas.readSequence(reader)
    const timestamp = this.#deltas.readTimestamp(reader)
    const headers = readHeaders(reader, flags)
    if (!wants(topic, headers, at)) {
      reader.skip(reader.u32())
      return undefined
    }
    const size = reader.u32()
    const offset = reader.skip(size)
    const encoding = readEncoding(reader, flags)
    const stored = new StoredEnvelope(
      publisher,
      sequence,
      topic,
      headers,
      timestamp,
      reader.bytes,
      size,
      encoding,
      offset,
      this.#block,
    )
    stored.at = at
    return stored
  }
}

/** One message by itself. */
export function encodeMessage(envelope: Envelope): Uint8Array {
  const writer = new MessageWriter()
  writer.add(envelope)
  return writer.take()
}

/** @throws StoreDamagedError */
export function decodeMessage(bytes: Uint8Array, at = 0): StoredEnvelope {
  const message = new MessageReader(bytes).read(at, () => true)
  if (message === undefined) throw new StoreDamagedError('A message in the store is missing.')
  return message
}
