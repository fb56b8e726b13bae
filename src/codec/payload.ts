import {
  describe,
  InvalidPayloadError,
  MsgvanError,
  PayloadTooLargeError,
  UnreadablePayloadError,
} from '../errors.js'
import { ByteReader } from './byte-reader.js'
import { ByteWriter } from './byte-writer.js'
import { copyPart } from './bytes.js'
import { flatBytes, measure, mostBytes, notSerializable, type Measured } from './serializable.js'
import { readValue } from './decode-value.js'
import { writeValue } from './encode-value.js'
import { Kind } from './value-kinds.js'
import { isTooMuchWork } from './work.js'
import { Encoding, encodingFrom } from './encoding.js'

/** The largest payload in bytes, unless a van or a host sets another limit. */
export const DEFAULT_MAX_PAYLOAD = 8 * 1024 * 1024

/**
 * The one check of a published payload, the same on every kind of bus. Cheap for usual payloads: it encodes nothing
 * unless the size comes near the limit.
 *
 * @throws InvalidPayloadError naming the place of the value that cannot cross, PayloadTooLargeError
 */
export function assertSerializable(payload: unknown, maxPayload: number): void {
  try {
    const most = flatBytes(payload)
    if (most >= 0 && most <= maxPayload) return
  } catch (error) {
    throw unpublishable(error)
  }
  assertUnusual(payload, maxPayload)
}

/**
 * An upper bound of the size; -1 for a payload that cannot cross. As cheap as possible: it encodes nothing.
 *
 * @throws the error of an app's getter or proxy
 */
export function mostPayloadBytes(payload: unknown): number {
  const most = flatBytes(payload)
  return most >= 0 ? most : mostBytes(payload)
}

function assertUnusual(payload: unknown, maxPayload: number): void {
  const { bytes, isCostly } = measured(payload)
  if (bytes < 0) throw notSerializable(payload)
  if (bytes <= maxPayload && !isCostly) return
  const size = encodedSize(payload)
  if (size > maxPayload) throw tooLarge(size, maxPayload)
}

function measured(payload: unknown): Measured {
  try {
    if (typeof payload === 'object' && payload !== null) return measure(payload)
    return { bytes: mostBytes(payload), isCostly: typeof payload === 'bigint' }
  } catch (error) {
    throw unpublishable(error)
  }
}

/**
 * Refuses an obviously large payload, without the work of encoding it.
 *
 * @throws PayloadTooLargeError
 */
export function checkSize(payload: unknown, maxPayload: number): void {
  const least =
    typeof payload === 'string' ? payload.length : payload instanceof Uint8Array ? payload.byteLength : 0
  if (least > maxPayload) throw tooLarge(least, maxPayload)
}

export function tooLarge(size: number, maxPayload: number): PayloadTooLargeError {
  return new PayloadTooLargeError(
    `A payload of ${size} bytes is over the limit of ${maxPayload}. Publish less at once, or publish a reference to the data.`,
  )
}

const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer

/** One for all payloads: it never touches the memory of its results again. Undefined while it is in use. */
let spare: ByteWriter | undefined = new ByteWriter()

/** A getter of the payload may publish in turn: that publish gets a writer of its own. */
function written(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = spare ?? new ByteWriter()
  spare = undefined
  try {
    write(writer)
    return writer.take()
  } catch (error) {
    writer.truncate(0)
    throw error
  } finally {
    spare = writer
  }
}

function encodedSize(payload: unknown): number {
  const own = new ByteWriter()
  writePayload(own, payload)
  return own.length
}

/**
 * Appends a payload to the present bytes, so that a batch needs no copy of each payload. After an error the writer is
 * as it was.
 *
 * @throws InvalidPayloadError
 */
export function writePayload(to: ByteWriter, payload: unknown): void {
  const start = to.length
  try {
    writeValue(to, payload)
  } catch (error) {
    to.truncate(start)
    // Walks it once more, for the place of the value that cannot cross.
    if (error instanceof InvalidPayloadError) throw isTooMuchWork(error) ? error : notSerializable(payload)
    throw error instanceof MsgvanError ? error : unpublishable(error)
  }
}

/** An app's getter or proxy may throw anything. */
function unpublishable(error: unknown): InvalidPayloadError {
  return new InvalidPayloadError(`The payload cannot be read: ${describe(error)}.`, { cause: error })
}

/** @throws InvalidPayloadError */
export function encodePayload(payload: unknown): Uint8Array {
  return written(writer => {
    writePayload(writer, payload)
  })
}

/**
 * A fresh value at each call: it shares no memory with the bytes or with another reading of them. The bytes may be
 * hostile.
 *
 * @throws UnreadablePayloadError
 */
export function decodePayload(bytes: Uint8Array, from = 0, length = bytes.length - from): unknown {
  return bufferIn(bytes, from, length) ?? decodeAny(bytes, from, length)
}

/**
 * As `decodePayload`, but for values that are not an app's own: without Maps, Sets and large BigInts.
 *
 * @throws UnreadablePayloadError, InvalidOptionError for one of those
 */
export function decodePlain(bytes: Uint8Array): unknown {
  return bufferIn(bytes, 0, bytes.length) ?? decodeAny(bytes, 0, bytes.length, true)
}

/** Reads a Buffer on its own, without a reader; undefined for all other values, and for a malformed one. */
function bufferIn(bytes: Uint8Array, from: number, size: number): Uint8Array | undefined {
  if (NodeBuffer === undefined || bytes[from] !== Kind.Buffer) return undefined
  let length = 0
  let at = from + 1
  let byte = 0x80
  for (let shift = 0; byte >= 0x80 && shift < 28; shift += 7) {
    byte = bytes[at++] ?? 0
    length |= (byte & 0x7f) << shift
  }
  if (byte >= 0x80 || at + length !== from + size) return undefined
  const copy = NodeBuffer.allocUnsafe(length)
  copyPart(bytes, at, length, copy, 0)
  return copy
}

function decodeAny(bytes: Uint8Array, from: number, length: number, isPlain = false): unknown {
  try {
    const reader = new ByteReader(bytes, unreadable, from, length)
    const value = readValue(reader, isPlain)
    reader.end()
    return value
  } catch (error) {
    throw undecodable(error)
  }
}

/** The fields of a dead letter except its payload. */
type LetterFields = Readonly<Record<string, unknown>>

/**
 * Wraps a dead letter around a payload, which stays bytes. `inner` is their encoding: a dead letter may hold a dead
 * letter.
 */
export function encodeLetter(
  letter: LetterFields & { readonly payload: unknown },
  inner: Encoding = Encoding.Bytes,
): Uint8Array {
  const { payload, ...fields } = letter
  return written(writer => {
    writer.u8(inner)
    if (inner === Encoding.Value) {
      writePayload(writer, payload)
    } else {
      const bytes = payload as Uint8Array
      writer.varint(bytes.length)
      writer.raw(bytes)
    }
    writePayload(writer, fields)
  })
}

/** @throws UnreadablePayloadError */
export function decodeLetter(bytes: Uint8Array): unknown {
  return reading(() => {
    const reader = new ByteReader(bytes, unreadable)
    const inner = encodingFrom(reader.u8())
    if (inner === undefined) throw unreadable('has an unknown encoding')
    const payload =
      inner === Encoding.Value ? readValue(reader) : bodyOrError(reader.raw(reader.varint()), inner)
    const fields = readValue(reader)
    reader.end()
    if (typeof fields !== 'object' || fields === null) throw unreadable('is a dead letter without fields')
    return { ...fields, payload }
  })
}

/** The fields of a letter without its payload, which the caller does not read. @throws UnreadablePayloadError */
export function letterFields(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  return reading(() => {
    const reader = new ByteReader(bytes, unreadable)
    const inner = encodingFrom(reader.u8())
    if (inner === undefined || inner === Encoding.Value) throw unreadable('is not a dead letter of a host')
    reader.raw(reader.varint())
    const fields = readValue(reader)
    reader.end()
    if (typeof fields !== 'object' || fields === null) throw unreadable('is a dead letter without fields')
    return fields as Readonly<Record<string, unknown>>
  })
}

/** A letter whose payload cannot be read is still a letter, and hides no other. */
function bodyOrError(bytes: Uint8Array, encoding: Encoding): unknown {
  try {
    return decodeBody(bytes, encoding)
  } catch (error) {
    if (error instanceof UnreadablePayloadError) return error
    throw error
  }
}

/** @throws UnreadablePayloadError */
export function decodeBody(bytes: Uint8Array, encoding: Encoding): unknown {
  if (encoding === Encoding.Bytes) return decodePayload(bytes)
  if (encoding === Encoding.Letter) return decodeLetter(bytes)
  throw unreadable('is not bytes')
}

function unreadable(what: string): UnreadablePayloadError {
  return new UnreadablePayloadError(
    `The payload ${what}. Its publisher runs another version, or did not send a payload.`,
  )
}

/** Invalid dates, regular expressions, numbers: if the engine refuses a value, its bytes are wrong. */
function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw undecodable(error)
  }
}

function undecodable(error: unknown): MsgvanError {
  if (error instanceof MsgvanError) return error
  return new UnreadablePayloadError(`The payload cannot be decoded: ${describe(error)}.`, { cause: error })
}
