import { Item } from '../../broker/subscription/backlog/item.js'
import { Envelope, RepeatedEnvelope } from '../../message/envelope.js'
import { Encoding } from '../../codec/encoding.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { inBytes } from '../../message/envelope-body.js'
import {
  Deltas,
  readEncoding,
  readHeaders,
  readTopic,
  writeFlags,
  writeHeaders,
} from '../../wire/frames/message-fields.js'
import { ReadingTable, WritingTable } from '../../wire/frames/string-table.js'
import { RECORD_BYTES } from './record-file.js'

/** The message was handed out, or failed, before. */
const BEGUN = 0x40
/** The publisher sent the message again, and the previous host may have handed it out. */
const REPEATED = 0x20

/** One message of one subscription, in a hand-over. */
export interface Travelling {
  readonly item: Item
  /** Milliseconds until its next attempt; undefined: it is simply pending. */
  readonly wait?: number | undefined
  /** The number of its delivery at the client that holds it; 0: no client does. */
  readonly number?: number
}

export interface BlobSink {
  /** Bytes of messages, numbered from `first` on. */
  blobs(first: number, bytes: readonly Uint8Array[]): void
}

/** The number of blobs that it remembers, to share them between subscriptions. */
const MOST_SHARED = 500_000

/** The places of messages' bytes. Those of one frame travel once, however many subscriptions have them. */
export class BlobWriter {
  readonly #sink: BlobSink
  #shared = new Map<Uint8Array, number>()
  #gathered: Uint8Array[] = []
  #bytes = 0
  #next = 0

  constructor(sink: BlobSink) {
    this.#sink = sink
  }

  /**
   * @returns the place of the message's bytes: the number of a blob, and the offset in it
   */
  place({ content, offset, size }: Envelope): [number, number] {
    const bytes = content as Uint8Array
    const known = this.#shared.get(bytes)
    if (known !== undefined) return [known, offset]
    // A frame that is mostly unused is not worth its bytes.
    const isWhole = bytes.length <= 4 * (size + 256)
    const number = this.#add(isWhole ? bytes : bytes.subarray(offset, offset + size))
    if (!isWhole) return [number, 0]
    if (this.#shared.size >= MOST_SHARED) this.#shared.clear()
    this.#shared.set(bytes, number)
    return [number, offset]
  }

  /** All of it is used. */
  share(bytes: Uint8Array): void {
    if (!this.#shared.has(bytes)) this.#shared.set(bytes, this.#add(bytes))
  }

  flush(): void {
    if (this.#gathered.length === 0) return
    this.#sink.blobs(this.#next - this.#gathered.length, this.#gathered)
    this.#gathered = []
    this.#bytes = 0
  }

  #add(bytes: Uint8Array): number {
    this.#gathered.push(bytes)
    this.#bytes += bytes.length
    const number = this.#next++
    if (this.#bytes >= RECORD_BYTES) this.flush()
    return number
  }
}

/** Writes the messages of one subscription one after another; each result can be read alone. */
export class ItemWriter {
  readonly #blobs: BlobWriter
  readonly #writer = new ByteWriter()
  #topics = new WritingTable()
  #publishers = new WritingTable()
  #deltas = new Deltas()

  constructor(blobs: BlobWriter) {
    this.#blobs = blobs
  }

  get bytes(): number {
    return this.#writer.length
  }

  add({ item, wait, number = 0 }: Travelling): void {
    const writer = this.#writer
    const envelope = inBytes(item.envelope)
    const [blob, offset] = this.#blobs.place(envelope)
    const isBegun = item.deliveries > 0 || item.failures > 0 || wait !== undefined || number > 0
    writeFlags(
      writer,
      envelope.headers,
      envelope.encoding | (isBegun ? BEGUN : 0) | (envelope.mayHaveCome ? REPEATED : 0),
    )
    this.#topics.write(writer, envelope.topic)
    this.#publishers.write(writer, envelope.publisher)
    this.#deltas.writeSequence(writer, envelope.sequence)
    this.#deltas.writeTimestamp(writer, envelope.timestamp)
    writeHeaders(writer, envelope.headers)
    writer.varint(blob)
    writer.varint(offset)
    writer.varint(envelope.size)
    writer.varint(item.order)
    if (!isBegun) return
    writer.varint(item.failures)
    writer.varint(item.deliveries)
    writer.varint(Math.max(0, Math.round(item.firstFailedAt)))
    writer.varint(item.attempts === undefined ? 0 : Math.min(item.attempts, Number.MAX_SAFE_INTEGER - 1) + 1)
    writer.varint(wait === undefined ? 0 : Math.ceil(wait) + 1)
    writer.varint(number)
  }

  take(): Uint8Array {
    this.#topics = new WritingTable()
    this.#publishers = new WritingTable()
    this.#deltas = new Deltas()
    return this.#writer.take()
  }
}

/** The place of a message's bytes: a buffer, and a range in it. */
export interface Blob {
  readonly bytes: Uint8Array
  readonly from: number
  readonly length: number
}

/** Finds the bytes of messages by a BlobWriter's numbers. It shares the records that they came in, without a copy. */
export class BlobTable {
  readonly #records: {
    readonly first: number
    readonly bytes: Uint8Array
    /** The beginning of each, and the end of the last one. */
    readonly starts: Uint32Array
  }[] = []

  /**
   * @throws the reader's errors
   */
  add(reader: ByteReader): void {
    const first = reader.varint()
    const starts = new Uint32Array(reader.count(1) + 1)
    for (let at = 1; at < starts.length; at += 1) starts[at] = reader.varint()
    for (let at = 0; at < starts.length; at += 1)
      starts[at] = reader.skip(starts[at] ?? 0) + (starts[at] ?? 0)
    reader.end()
    this.#records.push({ first, bytes: reader.bytes, starts })
  }

  find(number: number): Blob | undefined {
    let low = 0
    let high = this.#records.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#records[middle]?.first ?? 0) <= number) low = middle + 1
      else high = middle
    }
    const record = this.#records[low - 1]
    const from = record?.starts[number - record.first]
    const end = record?.starts[number - record.first + 1]
    if (record === undefined || from === undefined || end === undefined) return undefined
    return { bytes: record.bytes, from, length: end - from }
  }
}

/** Reads one result of an ItemWriter. It leaves out a message whose bytes are in a damaged record, and counts it. */
export function* readItems(
  reader: ByteReader,
  blob: (number: number) => Blob | undefined,
  missing: () => void,
): Generator<Travelling> {
  const topics = new ReadingTable()
  const publishers = new ReadingTable()
  const deltas = new Deltas()
  while (reader.remaining > 0) {
    const flags = reader.u8()
    const topic = readTopic(reader, topics)
    const publisher = publishers.read(reader)
    const sequence = deltas.readSequence(reader)
    const timestamp = deltas.readTimestamp(reader)
    const headers = readHeaders(reader, flags)
    const encoding = readEncoding(reader, flags)
    const place = blob(reader.varint())
    const offset = reader.varint()
    const size = reader.varint()
    const order = reader.varint()
    const begun = (flags & BEGUN) === 0 ? undefined : readBegun(reader)
    if (encoding === Encoding.Value) throw reader.fail('has a payload of unknown encoding')
    if (place === undefined) {
      missing()
      continue
    }
    const { bytes, from, length } = place
    if (offset + size > length) throw reader.fail('has a payload beyond its bytes')
    const at = from + offset
    const KindOf = (flags & REPEATED) === 0 ? Envelope : RepeatedEnvelope
    const envelope = new KindOf(publisher, sequence, topic, headers, timestamp, bytes, size, encoding, at)
    const item = new Item(envelope, order)
    if (begun === undefined) {
      yield { item }
      continue
    }
    item.failures = begun.failures
    item.deliveries = begun.deliveries
    item.firstFailedAt = begun.firstFailedAt
    item.attempts = begun.attempts
    yield { item, wait: begun.wait, number: begun.number }
  }
}

function readBegun(reader: ByteReader) {
  const failures = reader.varint()
  const deliveries = reader.varint()
  const firstFailedAt = reader.varint()
  const attempts = reader.varint()
  const wait = reader.varint()
  const number = reader.varint()
  return {
    failures,
    deliveries,
    firstFailedAt,
    attempts: attempts === 0 ? undefined : attempts - 1,
    wait: wait === 0 ? undefined : wait - 1,
    number,
  }
}
