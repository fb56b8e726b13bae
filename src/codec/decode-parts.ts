import type { ByteReader } from './byte-reader.js'
import { viewNames } from './value-kinds.js'
import { longBigInt, MAX_BIGINT_BYTES, notPlain } from './work.js'

// Values without other values in them. The caller has taken their cost from the budget of the payload.

const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer

const views: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  DataView,
]

const errors: Readonly<Record<string, ErrorConstructor>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** Keeps lone surrogates. */
export function readUtf16(reader: ByteReader): string {
  return textOf(reader.raw(reader.count(2) * 2))
}

const TEXT_PART = 8_192

function textOf(bytes: Uint8Array): string {
  if (NodeBuffer !== undefined)
    return NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf16le')
  const units: number[] = []
  for (let i = 0; i < bytes.length; i += 2) units.push((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8))
  let text = ''
  for (let i = 0; i < units.length; i += TEXT_PART)
    text += String.fromCharCode(...units.slice(i, i + TEXT_PART))
  return text
}

export function readBigInt(reader: ByteReader, isPlain: boolean): bigint {
  if (isPlain) throw notPlain()
  const length = reader.varint()
  if (length > MAX_BIGINT_BYTES) throw reader.fail(longBigInt)
  const bytes = reader.raw(length)
  let hex = '0x0'
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return BigInt(hex)
}

/** A copy: two readings of the same bytes share no memory. */
export function readBuffer(reader: ByteReader): Uint8Array {
  const bytes = reader.raw(reader.varint())
  return NodeBuffer === undefined ? bytes.slice() : NodeBuffer.from(bytes)
}

export function readBytes(reader: ByteReader): ArrayBuffer {
  const bytes = reader.raw(reader.varint())
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}

export function readView(reader: ByteReader): ArrayBufferView {
  const kind = reader.u8()
  const View = views[kind]
  if (View === undefined)
    throw reader.fail(`holds a view of unknown kind ${kind} (known: ${viewNames.join(', ')})`)
  return new View(readBytes(reader))
}

/** It reads the original stack. A new stack would be wasted, and costs more than all the rest. */
export function errorOf(name: string, message: string, stack: string): Error {
  const kind = Object.hasOwn(errors, name) ? (errors[name] ?? Error) : Error
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    const error = new kind(message)
    if (error.name !== name) define(error, 'name', name)
    define(error, 'stack', stack)
    return error
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Defines an own property, also if the prototype has the key; hidden on errors, like their own. */
export function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: !(object instanceof Error),
  })
}
