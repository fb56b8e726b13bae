import type { ByteWriter } from './byte-writer.js'
import { partsOf, notSerializable } from './serializable.js'
import { entriesOf, shapeOf, sizeOfMap, sizeOfSet, timeOf, unboxed, valuesOf } from './shape.js'
import { Kind, MAX_DEPTH, viewNames } from './value-kinds.js'
import {
  ALWAYS_ALLOWED,
  keysAtFault,
  longBigInt,
  longRegExp,
  MANY_KEYS,
  MAX_BIGINT_BYTES,
  MAX_REGEXP_SOURCE,
  overBudget,
  tooMuchWork,
  Work,
  workAllowed,
} from './work.js'

const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer
const { hasOwnProperty } = Object.prototype as { hasOwnProperty: (this: object, key: string) => boolean }
const loneSurrogate = /\p{Surrogate}/u
const FEW = 24

/** The first objects so far, by place, for cycles and for one object in two places. Empty between values. */
let written = new Array<object | undefined>(FEW).fill(undefined)
let writtenCount = 0
/** All of them, once there are more than a few. */
let places: Map<object, number> | undefined
let depth = 0
/** The cost of reading the present value. */
let work = 0

/**
 * Appends one value. Like structured clone, it calls getters, keeps cycles and makes plain objects of class instances.
 * Unlike it, it keeps a Buffer a Buffer, and copies only the bytes that a view shows.
 *
 * @throws InvalidPayloadError
 */
export function writeValue(writer: ByteWriter, value: unknown): void {
  if (typeof value !== 'object' || value === null) {
    writePrimitive(writer, value)
    return
  }
  if (NodeBuffer?.isBuffer(value) === true) {
    writeBuffer(writer, value)
    return
  }
  if (depth > 0) return writeInside(writer, value)
  try {
    writeWhole(writer, value)
  } finally {
    while (writtenCount > 0) written[--writtenCount] = undefined
    places = undefined
    depth = 0
    work = 0
  }
}

function writeWhole(writer: ByteWriter, value: object): void {
  const start = writer.length
  writeObject(writer, value)
  if (work > ALWAYS_ALLOWED && work > workAllowed(writer.length - start)) throw tooMuchWork(overBudget)
}

/** A getter or a proxy of the present value publishes, so a second value begins inside the first. */
function writeInside(writer: ByteWriter, value: object): void {
  const outer = { written, writtenCount, places, depth, work }
  written = new Array<object | undefined>(FEW).fill(undefined)
  writtenCount = 0
  places = undefined
  depth = 0
  work = 0
  try {
    writeWhole(writer, value)
  } finally {
    ;({ written, writtenCount, places, depth, work } = outer)
  }
}

function writeAny(writer: ByteWriter, value: unknown): void {
  if (typeof value === 'object' && value !== null) writeObject(writer, value)
  else writePrimitive(writer, value)
}

function writePrimitive(writer: ByteWriter, value: unknown): void {
  switch (typeof value) {
    case 'string':
      return writeText(writer, value)
    case 'number':
      return writeNumber(writer, value)
    case 'boolean':
      return writer.u8(value ? Kind.True : Kind.False)
    case 'undefined':
      return writer.u8(Kind.Undefined)
    case 'bigint':
      return writeBigInt(writer, value)
    case 'object':
      return writer.u8(Kind.Null)
    default:
      throw notSerializable(value)
  }
}

function writeNumber(writer: ByteWriter, value: number): void {
  if ((value | 0) !== value || (value === 0 && Object.is(value, -0))) {
    writer.u8(Kind.Float)
    writer.f64(value)
  } else if (value >= 0 && value < 128) {
    writer.u8(Kind.SmallInt + value)
  } else {
    writer.u8(Kind.Int)
    writer.varint(value < 0 ? -value * 2 - 1 : value * 2)
  }
}

/** Writes the kind, then the text. */
function writeText(writer: ByteWriter, text: string): void {
  const start = writer.length
  if (writer.tagged(Kind.String, text) || !loneSurrogate.test(text)) return
  writer.truncate(start)
  writer.u8(Kind.Utf16)
  writer.varint(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    writer.u8(unit & 0xff)
    writer.u8(unit >> 8)
  }
}

function writeBigInt(writer: ByteWriter, value: bigint): void {
  if (BigInt.asIntN(64, value) === value) {
    writer.u8(Kind.BigInt64)
    writer.i64(value)
    return
  }
  writer.u8(value < 0n ? Kind.NegativeBigInt : Kind.BigInt)
  const hex = (value < 0n ? -value : value).toString(16)
  const even = hex.length % 2 === 0 ? hex : `0${hex}`
  if (even.length > 2 * MAX_BIGINT_BYTES) throw tooMuchWork(longBigInt)
  writer.varint(even.length / 2)
  for (let i = 0; i < even.length; i += 2) writer.u8(Number.parseInt(even.slice(i, i + 2), 16))
}

function writeObject(writer: ByteWriter, value: object): void {
  const place = remember(value)
  if (place >= 0) {
    writer.u8(Kind.Again)
    writer.varint(place)
    return
  }
  if (depth >= MAX_DEPTH) throw notSerializable(value)
  depth++
  writeShape(writer, value)
  depth--
}

/** The place of a known object; -1 if it is new, and has a place from now on. */
function remember(value: object): number {
  if (places !== undefined) {
    const place = places.get(value)
    if (place !== undefined) return place
    places.set(value, places.size)
    return -1
  }
  for (let place = 0; place < writtenCount; place++) if (written[place] === value) return place
  if (writtenCount < FEW) {
    written[writtenCount++] = value
    return -1
  }
  places = new Map()
  for (const object of written) if (object !== undefined) places.set(object, places.size)
  places.set(value, places.size)
  return -1
}

function writeShape(writer: ByteWriter, value: object): void {
  switch (shapeOf(value)) {
    case 'plain':
      return writePlain(writer, value as Record<string, unknown>)
    case 'array':
      return writeArray(writer, value as unknown[])
    case 'view':
      return writeView(writer, value as ArrayBufferView)
    case 'buffer':
      work += Work.Bytes
      writer.u8(Kind.ArrayBuffer)
      return writeSized(writer, new Uint8Array(value as ArrayBuffer))
    case 'date':
      work += Work.Date
      writer.u8(Kind.Date)
      return writer.f64(timeOf(value as Date))
    case 'regexp':
      return writeRegExp(writer, value as RegExp)
    case 'map':
      return writeMap(writer, value as Map<unknown, unknown>)
    case 'set':
      return writeSet(writer, value as Set<unknown>)
    case 'error':
      return writeError(writer, value as Error)
    case 'boxed':
      work += Work.Boxed
      writer.u8(Kind.Boxed)
      return writePrimitive(writer, unboxed(value))
    case 'unserializable':
      throw notSerializable(value)
  }
}

function writeRegExp(writer: ByteWriter, { source, flags }: RegExp): void {
  if (source.length > MAX_REGEXP_SOURCE) throw tooMuchWork(longRegExp)
  work += Work.RegExp + source.length
  writer.u8(Kind.RegExp)
  writeText(writer, source)
  writeText(writer, flags)
}

function writePlain(writer: ByteWriter, value: Record<string, unknown>): void {
  work += Work.Object
  writer.u8(Kind.Object)
  const at = writer.length
  writer.u8(0)
  let count = 0
  // Like in flatBytes: `for…in` reads each property at its known place, while `value[key]` looks it up.
  for (const key in value) {
    if (!hasOwnProperty.call(value, key)) continue
    count++
    writeText(writer, key)
    writeAny(writer, value[key])
  }
  writer.varintAt(at, count)
}

function writeArray(writer: ByteWriter, value: unknown[]): void {
  const { length } = value
  // Enumerable names beside the indexes, like those of a RegExp match, or holes.
  if (Object.keys(value).length !== length) return writeUnusual(writer, value)
  const start = writer.length
  const before = places?.size ?? writtenCount
  const workBefore = work
  work += Work.Array
  writer.u8(Kind.Array)
  writer.varint(length)
  for (let i = 0; i < length; i++) {
    const item = value[i]
    if (item === undefined && !(i in value)) {
      forget(before)
      work = workBefore
      writer.truncate(start)
      return writeUnusual(writer, value)
    }
    writeAny(writer, item)
  }
}

/** The objects since then will be written once more. */
function forget(length: number): void {
  if (places === undefined) {
    while (writtenCount > length) written[--writtenCount] = undefined
    return
  }
  for (const [object, place] of places) if (place >= length) places.delete(object)
}

function writeUnusual(writer: ByteWriter, value: unknown[]): void {
  const { length } = value
  const { indexes, names } = partsOf(value)
  work += Work.Array + length
  writer.u8(names.length === 0 ? Kind.SparseArray : Kind.NamedArray)
  writer.varint(length)
  writer.varint(indexes.length)
  for (const index of indexes) {
    writer.varint(index)
    writeAny(writer, value[index])
  }
  if (names.length === 0) return
  writer.varint(names.length)
  for (const name of names) {
    writeText(writer, name)
    writeAny(writer, (value as unknown as Record<string, unknown>)[name])
  }
}

function writeView(writer: ByteWriter, view: ArrayBufferView): void {
  if (NodeBuffer?.isBuffer(view) === true) {
    work += Work.Bytes
    writeBuffer(writer, view)
    return
  }
  const name = view instanceof DataView ? 'DataView' : (view as Uint8Array)[Symbol.toStringTag]
  const kind = viewNames.indexOf(name)
  if (kind < 0) throw notSerializable(view)
  work += Work.View + Work.Bytes
  writer.u8(Kind.View)
  writer.u8(kind)
  writeSized(writer, new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
}

function writeBuffer(writer: ByteWriter, bytes: Uint8Array): void {
  writer.u8(Kind.Buffer)
  writeSized(writer, bytes)
}

function writeSized(writer: ByteWriter, bytes: Uint8Array): void {
  writer.varint(bytes.length)
  writer.raw(bytes)
}

/** Writes the number of entries at the beginning: a getter inside may add some, or remove some. */
function writeMap(writer: ByteWriter, value: Map<unknown, unknown>): void {
  writer.u8(Kind.Map)
  const at = writer.length
  writer.u8(0)
  const size = sizeOfMap(value)
  work += Work.Map
  if (size > MANY_KEYS) checkKeys([...entriesOf(value)].map(([key]) => key))
  let count = 0
  for (const [key, item] of entriesOf(value)) {
    if (count === size) break
    count++
    writeAny(writer, key)
    writeAny(writer, item)
  }
  writer.varintAt(at, count)
}

function writeSet(writer: ByteWriter, value: Set<unknown>): void {
  writer.u8(Kind.Set)
  const at = writer.length
  writer.u8(0)
  const size = sizeOfSet(value)
  work += Work.Set
  if (size > MANY_KEYS) checkKeys([...valuesOf(value)])
  let count = 0
  for (const item of valuesOf(value)) {
    if (count === size) break
    count++
    writeAny(writer, item)
  }
  writer.varintAt(at, count)
}

function checkKeys(keys: readonly unknown[]): void {
  const fault = keysAtFault(keys)
  if (fault !== undefined) throw tooMuchWork(fault)
}

function writeError(writer: ByteWriter, error: Error): void {
  work += Work.Error
  const hasCause = Object.hasOwn(error, 'cause')
  writer.u8(Kind.Error)
  writer.u8(hasCause ? 1 : 0)
  writeText(writer, error.name)
  writeText(writer, error.message)
  writeText(writer, error.stack ?? '')
  if (hasCause) writeAny(writer, error.cause)
}
