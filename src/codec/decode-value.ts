import type { ByteReader } from './byte-reader.js'
import { Kind, MAX_DEPTH, viewNames } from './value-kinds.js'

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

/** Reads one value. The bytes may come from anybody: nothing in them names a global, sets a prototype or makes code. */
export function readValue(reader: ByteReader): unknown {
  return new ValueReader(reader).any(0)
}

class ValueReader {
  readonly #reader: ByteReader
  /** Objects read so far, by place: the first, and a list of the others if there are any. */
  #first: object | undefined
  #others: object[] | undefined

  constructor(reader: ByteReader) {
    this.#reader = reader
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
        return this.#int()
      case Kind.Float:
        return reader.f64()
      case Kind.String:
        return reader.string()
      case Kind.Utf16:
        return this.#utf16()
      case Kind.BigInt64:
        return reader.i64()
      case Kind.BigInt:
        return this.#bigInt()
      case Kind.NegativeBigInt:
        return -this.#bigInt()
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
        return this.#map(depth)
      case Kind.Set:
        return this.#set(depth)
      case Kind.Buffer:
        return this.#keep(this.#buffer())
      case Kind.View:
        return this.#keep(this.#view())
      case Kind.ArrayBuffer:
        return this.#keep(this.#bytes())
      case Kind.Date:
        return this.#keep(new Date(reader.f64()))
      case Kind.RegExp:
        return this.#keep(new RegExp(this.#text(), this.#text()))
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

  #int(): number {
    const value = this.#reader.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** A string where nothing else may be. */
  #text(): string {
    const value = this.any(MAX_DEPTH)
    if (typeof value !== 'string') throw this.#reader.fail('lacks a text')
    return value
  }

  #key(): string {
    const kind = this.#reader.u8()
    if (kind === Kind.String) return this.#reader.recurring()
    if (kind === Kind.Utf16) return this.#utf16()
    throw this.#reader.fail('lacks a key')
  }

  #utf16(): string {
    const reader = this.#reader
    const length = reader.count(2)
    const bytes = reader.raw(length * 2)
    let text = ''
    for (let i = 0; i < bytes.length; i += 2)
      text += String.fromCharCode((bytes[i] ?? 0) | ((bytes[i + 1] ?? 0) << 8))
    return text
  }

  #bigInt(): bigint {
    const bytes = this.#reader.raw(this.#reader.varint())
    let hex = '0x0'
    for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
    return BigInt(hex)
  }

  #plain(depth: number): object {
    const count = this.#reader.count(3)
    const object: Record<string, unknown> = this.#keep({})
    for (let i = 0; i < count; i++) {
      const key = this.#key()
      const value = this.any(depth)
      if (key === '__proto__') define(object, key, value)
      else object[key] = value
    }
    return object
  }

  /** Defined, not assigned: `length` and what an array inherits stay what they are. */
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
    const array: unknown[] = this.#keep([])
    for (let i = 0; i < count; i++) array.push(this.any(depth))
    return array
  }

  #sparse(depth: number): object {
    const length = this.#reader.varint()
    if (length >= 2 ** 32) throw this.#reader.fail('holds an array that is too long')
    const count = this.#reader.count(2)
    const array: unknown[] = this.#keep([])
    if (length > 0) {
      // Setting `length` would allocate it all; a far element makes the engine keep a table instead.
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
    const map = this.#keep(new Map<unknown, unknown>())
    for (let i = 0; i < count; i++) {
      const key = this.any(depth)
      map.set(key, this.any(depth))
    }
    return map
  }

  #set(depth: number): object {
    const count = this.#reader.count(1)
    const set = this.#keep(new Set())
    for (let i = 0; i < count; i++) set.add(this.any(depth))
    return set
  }

  /** A copy: two readings of the same bytes share no memory. */
  #buffer(): Uint8Array {
    const bytes = this.#reader.raw(this.#reader.varint())
    return NodeBuffer === undefined ? bytes.slice() : NodeBuffer.from(bytes)
  }

  #bytes(): ArrayBuffer {
    const bytes = this.#reader.raw(this.#reader.varint())
    const copy = new ArrayBuffer(bytes.length)
    new Uint8Array(copy).set(bytes)
    return copy
  }

  #view(): ArrayBufferView {
    const kind = this.#reader.u8()
    const View = views[kind]
    if (View === undefined)
      throw this.#reader.fail(`holds a view of unknown kind ${kind} (known: ${viewNames.join(', ')})`)
    return new View(this.#bytes())
  }

  #error(depth: number): Error {
    const hasCause = this.#reader.u8() === 1
    const name = this.#text()
    const message = this.#text()
    const stack = this.#text()
    const kind = Object.hasOwn(errors, name) ? (errors[name] ?? Error) : Error
    const error = this.#keep(new kind(message))
    if (error.name !== name) define(error, 'name', name)
    define(error, 'stack', stack)
    if (hasCause) define(error, 'cause', this.any(depth))
    return error
  }

  #boxed(): object {
    const value = this.any(MAX_DEPTH)
    if (value === null || value === undefined || typeof value === 'object')
      throw this.#reader.fail('boxes what is no primitive')
    return Object(value) as object
  }
}

/** The engine takes it for an element: any other number is a name. */
function isIndex(key: string): boolean {
  const index = Number(key)
  return index >= 0 && index < 2 ** 32 - 1 && Number.isInteger(index) && String(index) === key
}

/** An own property whatever the prototype says of the key; hidden on errors, as their own are. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: !(object instanceof Error),
  })
}
