import type { ByteReader } from '../../codec/byte-reader.js'
import type { ByteWriter } from '../../codec/byte-writer.js'
import { noHeaders, type Envelope, type Headers } from '../../message/envelope.js'
import { encodingFrom, type Encoding } from '../../codec/encoding.js'
import { checkHeaders } from '../../message/headers.js'
import { KEY_HEADER, MAX_KEY_BYTES } from '../../message/order/key.js'
import { checkTopic } from '../../message/topic.js'
import { MsgvanError } from '../../errors.js'
import type { ReadingTable } from './string-table.js'

const HEADERS = 0x80

/** Sequence and time are differences to the entry before, in the same frame: mostly one byte each. */
export class Deltas {
  sequence = 0
  timestamp = 0

  writeSequence(writer: ByteWriter, sequence: number): void {
    writeSigned(writer, sequence - this.sequence)
    this.sequence = sequence
  }

  readSequence(reader: ByteReader): number {
    this.sequence += readSigned(reader)
    if (!(this.sequence > 0 && Number.isSafeInteger(this.sequence)))
      throw reader.fail('holds an impossible sequence number')
    return this.sequence
  }

  writeTimestamp(writer: ByteWriter, timestamp: number): void {
    writeSigned(writer, timestamp - this.timestamp)
    this.timestamp = timestamp
  }

  readTimestamp(reader: ByteReader): number {
    this.timestamp += readSigned(reader)
    if (!Number.isSafeInteger(this.timestamp)) throw reader.fail('holds an impossible time')
    return this.timestamp
  }
}

/** One byte: whether headers follow, and two bits of a kind's own. */
export function writeFlags(writer: ByteWriter, headers: Headers, own: number): void {
  writer.u8((headers === noHeaders ? 0 : HEADERS) | own)
}

export function readEncoding(reader: ByteReader, flags: number): Encoding {
  const encoding = encodingFrom(flags & 3)
  if (encoding === undefined) throw reader.fail('has a payload of unknown encoding')
  return encoding
}

export function writeHeaders(writer: ByteWriter, headers: Headers): void {
  if (headers === noHeaders) return
  const keys = Object.keys(headers)
  writer.varint(keys.length)
  for (const key of keys) {
    writer.string(key)
    writer.string(headers[key] ?? '')
  }
}

export function readHeaders(reader: ByteReader, flags: number): Headers {
  if ((flags & HEADERS) === 0) return noHeaders
  const count = reader.count(2)
  if (count === 1) return readOne(reader)
  const entries: [string, string][] = []
  for (let i = 0; i < count; i++) entries.push([reader.string(), reader.string()])
  // fromEntries defines, so that a header called __proto__ is a header.
  const headers = Object.fromEntries(entries)
  return checked(reader, headers, checkHeaders)
}

/** The usual one is the key, which needs no check: what UTF-8 decodes to is well-formed. */
function readOne(reader: ByteReader): Headers {
  const name = reader.recurring()
  const value = reader.string()
  if (name === KEY_HEADER && value.length <= MAX_KEY_BYTES) return { [KEY_HEADER]: value }
  return checked(reader, Object.fromEntries([[name, value]]), checkHeaders)
}

export function readTopic(reader: ByteReader, table: Pick<ReadingTable, 'read'>): string {
  return checked(reader, table.read(reader), checkTopic)
}

/** Lengths of payloads have four bytes, so that a payload can be written before its length is known. */
export function writePayloadOf(writer: ByteWriter, { content, offset, size }: Envelope): void {
  writer.u32(size)
  writer.part(content as Uint8Array, offset, size)
}

function checked<T>(reader: ByteReader, value: T, check: (value: unknown) => void): T {
  try {
    check(value)
    return value
  } catch (error) {
    throw reader.fail(`breaks a rule: ${error instanceof MsgvanError ? error.message : ''}`)
  }
}

function writeSigned(writer: ByteWriter, value: number): void {
  writer.varint(value < 0 ? -value * 2 - 1 : value * 2)
}

function readSigned(reader: ByteReader): number {
  const value = reader.varint()
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
