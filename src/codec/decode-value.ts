import type { ByteReader } from './byte-reader.js'
import { define, errorOf, readBigInt, readBuffer, readBytes, readUtf16, readView } from './decode-parts.js'
import { Kind, MAX_DEPTH } from './value-kinds.js'
import {
  keysAtFault,
  longRegExp,
  MANY_KEYS,
  MAX_REGEXP_SOURCE,
  notPlain,
  overBudget,
  Work,
  workAllowed,
} from './work.js'

/**
 * Reads one value. The bytes may be hostile: nothing in them names a global, sets a prototype or makes code.
 *
 * @param isPlain refuses Maps, Sets and large BigInts, whose reading costs the most
 */
export function readValue(reader: ByteReader, isPlain = false): unknown {
  return new ValueReader(reader, isPlain).any(0)
}

class ValueReader {
  readonly #reader: ByteReader
  readonly #isPlain: boolean
  /** The objects so far, by place: the first, and a list of the others if there are any. */
  #first: object | undefined
  #others: object[] | undefined
  /** The remaining budget: hostile bytes may ask for much with few bytes. */
  #workLeft: number

  constructor(reader: ByteReader, isPlain: boolean) {
    this.#reader = reader
    this.#isPlain = isPlain
    this.#workLeft = workAllowed(reader.remaining)
  }

  /** Call it before you allocate. */
  #need(work: number): void {
    this.#workLeft -= work
    if (this.#workLeft < 0) throw this.#reader.fail(overBudget)
  }

  any(depth: number): unknown {
    const reader = this.#reader
    const kind = reader.u8()
    if (kind >= Kind.SmallInt) return kind - Kind.SmallInt
    switch (kind) {
      case Kind.Undefined:
        return undefined
      case Kind.Null:
        return null
      case Kind.False:
        return false
      case Kind.True:
        return true
      case Kind.Int:
        return signed(reader.varint())
      case Kind.Float:
        return reader.f64()
      case Kind.String:
        return reader.string()
      case Kind.Utf16:
        return readUtf16(reader)
      case Kind.BigInt64:
        return reader.i64()
      case Kind.BigInt:
        return readBigInt(reader, this.#isPlain)
      case Kind.NegativeBigInt:
        return -readBigInt(reader, this.#isPlain)
      case Kind.Again:
        return this.#again()
      default:
        if (depth >= MAX_DEPTH) throw reader.fail(`is nested over ${MAX_DEPTH} levels deep`)
        return this.#object(kind, depth + 1)
    }
  }

  #object(kind: number, depth: number): object {
    const reader = this.#reader
    switch (kind) {
      case Kind.Object:
        return this.#plain(depth)
      case Kind.Array:
        return this.#array(depth)
      case Kind.SparseArray:
        return this.#sparse(depth)
      case Kind.NamedArray:
        return this.#named(this.#sparse(depth), depth)
      case Kind.Map:
      case Kind.Set:
        if (this.#isPlain) throw notPlain()
        return kind === Kind.Map ? this.#map(depth) : this.#set(depth)
      case Kind.Buffer:
        this.#need(Work.Bytes)
        return this.#keep(readBuffer(reader))
      case Kind.View:
        this.#need(Work.View + Work.Bytes)
        return this.#keep(readView(reader))
      case Kind.ArrayBuffer:
        this.#need(Work.Bytes)
        return this.#keep(readBytes(reader))
      case Kind.Date:
        this.#need(Work.Date)
        return this.#keep(new Date(reader.f64()))
      case Kind.RegExp:
        return this.#regExp()
      case Kind.Error:
        return this.#error(depth)
      case Kind.Boxed:
        return this.#keep(this.#boxed())
      default:
        throw reader.fail(`holds a value of unknown kind ${kind}`)
    }
  }

  #keep<T extends object>(object: T): T {
    if (this.#first === undefined) this.#first = object
    else if (this.#others === undefined) this.#others = [object]
    else this.#others.push(object)
    return object
  }

  #again(): object {
    const place = this.#reader.varint()
    const object = place === 0 ? this.#first : this.#others?.[place - 1]
    if (object === undefined) throw this.#reader.fail('refers to an object that did not come before')
    return object
  }

  /** Reads a string; any other value is an error. */
  #text(): string {
    const value = this.any(MAX_DEPTH)
    if (typeof value !== 'string') throw this.#reader.fail('lacks a text')
    return value
  }

  #key(): string {
    const kind = this.#reader.u8()
    if (kind === Kind.String) return this.#reader.recurring()
    if (kind === Kind.Utf16) return readUtf16(this.#reader)
    throw this.#reader.fail('lacks a key')
  }

  #regExp(): RegExp {
    const source = this.#text()
    if (source.length > MAX_REGEXP_SOURCE) throw this.#reader.fail(longRegExp)
    this.#need(Work.RegExp + source.length)
    return this.#keep(new RegExp(source, this.#text()))
  }

  #plain(depth: number): object {
    const count = this.#reader.count(3)
    this.#need(Work.Object)
    const object: Record<string, unknown> = this.#keep({})
    for (let i = 0; i < count; i++) {
      const key = this.#key()
      const value = this.any(depth)
      if (key === '__proto__') define(object, key, value)
      else {
        if (isFar(key, count)) keepInTable(object)
        object[key] = value
      }
    }
    return object
  }

  /** Defines, never assigns: `length` and an array's inherited members stay. */
  #named(array: object, depth: number): object {
    const count = this.#reader.count(3)
    for (let i = 0; i < count; i++) {
      const key = this.#key()
      if (key === 'length' || isIndex(key))
        throw this.#reader.fail(`has ${JSON.stringify(key)} as the name of a property of an array`)
      define(array, key, this.any(depth))
    }
    return array
  }

  #array(depth: number): object {
    const count = this.#reader.count(1)
    this.#need(Work.Array)
    const array: unknown[] = this.#keep([])
    for (let i = 0; i < count; i++) array.push(this.any(depth))
    return array
  }

  #sparse(depth: number): object {
    const length = this.#reader.varint()
    if (length >= 2 ** 32) throw this.#reader.fail('holds an array that is too long')
    const count = this.#reader.count(2)
    // Holes count, because a loop over the array visits them.
    this.#need(Work.Array + length)
    const array: unknown[] = this.#keep([])
    if (length <= FEW_HOLES) array.length = length
    else {
      // A far element makes the engine keep a table; setting `length` would allocate all places.
      array[length - 1] = undefined
      Reflect.deleteProperty(array, length - 1)
    }
    for (let i = 0; i < count; i++) {
      const index = this.#reader.varint()
      if (index >= length) throw this.#reader.fail('holds an element beyond the end of its array')
      array[index] = this.any(depth)
    }
    return array
  }

  #map(depth: number): object {
    const count = this.#reader.count(2)
    this.#need(Work.Map)
    const map = this.#keep(new Map<unknown, unknown>())
    if (count > MANY_KEYS) return this.#manyEntries(map, count, depth)
    for (let i = 0; i < count; i++) {
      const key = this.any(depth)
      map.set(key, this.any(depth))
    }
    return map
  }

  #manyEntries(map: Map<unknown, unknown>, count: number, depth: number): object {
    const keys: unknown[] = []
    const values: unknown[] = []
    for (let i = 0; i < count; i++) {
      keys.push(this.any(depth))
      values.push(this.any(depth))
    }
    this.#checkKeys(keys)
    for (let i = 0; i < count; i++) map.set(keys[i], values[i])
    return map
  }

  #checkKeys(keys: readonly unknown[]): void {
    const fault = keysAtFault(keys)
    if (fault !== undefined) throw this.#reader.fail(fault)
  }

  #set(depth: number): object {
    const count = this.#reader.count(1)
    this.#need(Work.Set)
    const set = this.#keep(new Set())
    if (count <= MANY_KEYS) {
      for (let i = 0; i < count; i++) set.add(this.any(depth))
      return set
    }
    const items: unknown[] = []
    for (let i = 0; i < count; i++) items.push(this.any(depth))
    this.#checkKeys(items)
    for (const item of items) set.add(item)
    return set
  }

  #error(depth: number): Error {
    this.#need(Work.Error)
    const hasCause = this.#reader.u8() === 1
    const name = this.#text()
    const message = this.#text()
    const stack = this.#text()
    const error = this.#keep(errorOf(name, message, stack))
    if (hasCause) define(error, 'cause', this.any(depth))
    return error
  }

  #boxed(): object {
    this.#need(Work.Boxed)
    const value = this.any(MAX_DEPTH)
    if (value === null || value === undefined || typeof value === 'object')
      throw this.#reader.fail('boxes a value that is not a primitive')
    return Object(value) as object
  }
}

/** Negative numbers are the odd ones. */
function signed(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}

/** Up to this number of places the engine allocates for any array. */
const FEW_HOLES = 1_024

/** From this element number on, the engine would allocate places for all before it. */
function isFar(key: string, count: number): boolean {
  const first = key.charCodeAt(0)
  return first >= 0x31 && first <= 0x39 && key.length >= 2 && Number(key) > 4 * count && isIndex(key)
}

/** A very far element makes the engine keep a table of elements. */
function keepInTable(object: Record<string, unknown>): void {
  const far = String(2 ** 32 - 2)
  if (Object.hasOwn(object, far)) return
  object[far] = undefined
  Reflect.deleteProperty(object, far)
}

/** The engine takes it for an element; any other number is a name. */
function isIndex(key: string): boolean {
  const index = Number(key)
  return index >= 0 && index < 2 ** 32 - 1 && Number.isInteger(index) && String(index) === key
}
