import { InvalidPayloadError } from '../errors.js'
import { entriesOf, isWithoutBytes, shapeOf, sizeOfMap, sizeOfSet, unboxed, valuesOf } from './shape.js'
import { MAX_DEPTH } from './value-kinds.js'
import { ALWAYS_ALLOWED, MANY_KEYS, MAX_BIGINT_BYTES, MAX_REGEXP_SOURCE, Work } from './work.js'

/** Up to this number of objects a list is searched; a Set for each payload would cost more than the rest. */
const FEW = 24

/** Objects that the present walk has met. Module-wide so that a walk allocates nothing; empty between walks. */
let met: object[] = []
let metMany: Set<object> | undefined
let depth = 0
/** An upper bound of the cost of reading the value. */
let work = 0

/** The result of a walk. */
export interface Measured {
  /** An upper bound of the encoded size; -1 if a part of the value cannot cross. */
  readonly bytes: number
  /** It may cost its readers more than the limit: only encoding shows. */
  readonly isCostly: boolean
}

/** Like `mostBytes`, with the cost of reading. */
export function measure(value: object): Measured {
  let isCostly = false
  const bytes = walk(value, () => {
    isCostly = work > ALWAYS_ALLOWED
  })
  return { bytes, isCostly }
}

/**
 * An upper bound of the encoded size, by one walk; -1 if a part of the value cannot cross. It calls getters, as
 * structured clone does.
 */
export function mostBytes(value: unknown): number {
  const flat = flatBytes(value)
  if (flat >= 0) return flat
  if (typeof value !== 'object' || value === null) return ofPrimitive(value)
  return walk(value, () => undefined)
}

/**
 * @param done called before the walk's counts are reset
 */
function walk(value: object, done: () => void): number {
  if (depth > 0) return insideAnother(value, done)
  try {
    const bytes = ofObject(value)
    done()
    return bytes
  } finally {
    met.length = 0
    metMany = undefined
    depth = 0
    work = 0
  }
}

/** A getter or a proxy of the value publishes, so a second walk begins inside the first. */
function insideAnother(value: object, done: () => void): number {
  const outer = { met, metMany, depth, work }
  met = []
  metMany = undefined
  depth = 0
  work = 0
  try {
    const bytes = ofObject(value)
    done()
    return bytes
  } finally {
    ;({ met, metMany, depth, work } = outer)
  }
}

const { hasOwnProperty } = Object.prototype as { hasOwnProperty: (this: object, key: string) => boolean }

/**
 * The same for the usual payload, a plain object of text, numbers and the like, which needs no record of met objects,
 * and for bytes. -1 for all others. (`hasOwnProperty.call` in a `for…in` costs nothing in V8; `Object.hasOwn` there
 * makes it twice as slow. And with a property read before it, `getPrototypeOf` costs nothing either; otherwise it is a
 * call into the runtime.)
 */
export function flatBytes(value: unknown): number {
  if (typeof value !== 'object' || value === null) return -1
  if (value.constructor !== Object)
    return value instanceof Uint8Array && value.length > 0 ? 11 + value.byteLength : -1
  if (Object.getPrototypeOf(value) !== Object.prototype) return -1
  let sum = 9
  for (const key in value) {
    if (!hasOwnProperty.call(value, key)) continue
    const item = (value as Record<string, unknown>)[key]
    if (typeof item === 'string') sum += 6 + item.length * 3
    else if (typeof item !== 'number' && typeof item !== 'boolean' && item != null) return -1
    sum += 15 + key.length * 3
  }
  return sum
}

function ofAny(value: unknown): number {
  return typeof value === 'object' && value !== null ? ofObject(value) : ofPrimitive(value)
}

function ofPrimitive(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return ofString(value)
    case 'bigint':
      return ofBigInt(value)
    case 'function':
    case 'symbol':
      return -1
    default:
      return 9
  }
}

function ofString(text: string): number {
  return 6 + text.length * 3
}

function ofBigInt(value: bigint): number {
  if (BigInt.asIntN(64, value) === value) return 9
  const { length } = value.toString(16)
  if (length > MAX_BIGINT_BYTES) work += ALWAYS_ALLOWED
  return 9 + length
}

function ofObject(value: object): number {
  if (meetAgain(value)) return 9
  if (depth >= MAX_DEPTH) return -1
  depth++
  const size = ofShape(value)
  depth--
  return size
}

function ofShape(value: object): number {
  switch (shapeOf(value)) {
    case 'plain':
      return ofPlain(value as Record<string, unknown>)
    case 'array':
      return ofArray(value as unknown[])
    case 'view':
    case 'buffer':
      work += Work.View + Work.Bytes
      return 11 + (value as ArrayBuffer).byteLength
    case 'date':
      work += Work.Date
      return 9
    case 'regexp':
      return ofRegExp(value as RegExp)
    case 'map':
      return ofMap(value as Map<unknown, unknown>)
    case 'set':
      return ofSet(value as Set<unknown>)
    case 'error':
      return ofError(value as Error)
    case 'boxed':
      work += Work.Boxed
      return 1 + ofPrimitive(unboxed(value))
    case 'unserializable':
      return -1
  }
}

function ofRegExp({ source, flags }: RegExp): number {
  work += Work.RegExp + (source.length > MAX_REGEXP_SOURCE ? ALWAYS_ALLOWED : source.length)
  return 1 + ofString(source) + ofString(flags)
}

function ofPlain(value: Record<string, unknown>): number {
  work += Work.Object
  let sum = 9
  for (const key in value) {
    if (!hasOwnProperty.call(value, key)) continue
    const size = ofAny(value[key])
    if (size < 0) return -1
    sum += size + ofString(key)
  }
  return sum
}

function ofArray(value: unknown[]): number {
  if (Object.keys(value).length !== value.length) return ofUnusual(value)
  work += Work.Array
  let sum = 9
  for (let i = 0; i < value.length; i++) {
    const item = value[i]
    if (item === undefined && !(i in value)) return ofUnusual(value)
    const size = ofAny(item)
    if (size < 0) return -1
    sum += size
  }
  return sum
}

function ofUnusual(value: unknown[]): number {
  const { indexes, names } = partsOf(value)
  work += Work.Array + value.length
  let sum = 27 + indexes.length * 9
  for (const key of [...indexes, ...names]) {
    const size = ofAny((value as unknown as Record<string | number, unknown>)[key])
    if (size < 0) return -1
    sum += size
  }
  for (const name of names) sum += ofString(name)
  return sum
}

/**
 * The present elements: a sparse array's length does not show its size. The names are its properties beside the
 * elements.
 */
export function partsOf(value: unknown[]): { indexes: number[]; names: string[] } {
  const indexes: number[] = []
  const names: string[] = []
  for (const key of Object.keys(value)) {
    const index = Number(key)
    if (Number.isInteger(index) && index >= 0 && index < value.length && String(index) === key)
      indexes.push(index)
    else names.push(key)
  }
  return { indexes, names }
}

function ofMap(value: Map<unknown, unknown>): number {
  work += Work.Map + ofKeys(sizeOfMap(value))
  let sum = 9
  for (const [key, item] of entriesOf(value)) {
    const size = ofAny(key)
    const itemSize = ofAny(item)
    if (size < 0 || itemSize < 0) return -1
    sum += size + itemSize
  }
  return sum
}

/** Encoding finds out whether many keys collide. */
function ofKeys(count: number): number {
  return count > MANY_KEYS ? ALWAYS_ALLOWED : 0
}

function ofSet(value: Set<unknown>): number {
  work += Work.Set + ofKeys(sizeOfSet(value))
  let sum = 9
  for (const item of valuesOf(value)) {
    const size = ofAny(item)
    if (size < 0) return -1
    sum += size
  }
  return sum
}

function ofError(error: Error): number {
  work += Work.Error
  const cause = Object.hasOwn(error, 'cause') ? ofAny(error.cause) : 0
  if (cause < 0) return -1
  return 2 + ofString(error.name) + ofString(error.message) + ofString(error.stack ?? '') + cause
}

function meetAgain(value: object): boolean {
  if (metMany !== undefined) {
    if (metMany.has(value)) return true
    metMany.add(value)
    return false
  }
  if (met.includes(value)) return true
  met.push(value)
  if (met.length > FEW) metMany = new Set(met)
  return false
}

/** The error that names a value that cannot cross, and its place. Slow: only for a value that was refused. */
export function notSerializable(payload: unknown): InvalidPayloadError {
  const found = search(payload, 'payload', new Set(), 0)
  return new InvalidPayloadError(
    `${found ?? 'The payload'} cannot be carried. Publish what structured clone takes: plain values, Date, BigInt, Map, Set, typed arrays, Buffer, Error.`,
  )
}

function search(value: unknown, path: string, seen: Set<object>, level: number): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `${path} (a ${typeof value})`
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined
  if (level >= MAX_DEPTH) return `${path.slice(0, 60)}… (nested over ${MAX_DEPTH} levels deep)`
  seen.add(value)
  switch (shapeOf(value)) {
    case 'unserializable':
      return `${path} (${kindOf(value)})`
    case 'map':
      return searchMany(
        [...(value as Map<unknown, unknown>)].flat(),
        i => `${path}<entry ${i >> 1}>`,
        seen,
        level,
      )
    case 'set':
      return searchMany([...(value as Set<unknown>)], i => `${path}<entry ${i}>`, seen, level)
    case 'error':
      return search((value as Error).cause, `${path}.cause`, seen, level + 1)
    case 'array':
    case 'plain': {
      const keys = Object.keys(value)
      const items = keys.map(key => (value as Record<string, unknown>)[key])
      return searchMany(items, i => `${path}${member(keys[i] ?? '')}`, seen, level)
    }
    default:
      return undefined
  }
}

function kindOf(value: object): string {
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  return isWithoutBytes(value) ? `${kind}, whose buffer is detached or has become too short` : `a ${kind}`
}

function searchMany(
  items: unknown[],
  pathOf: (i: number) => string,
  seen: Set<object>,
  level: number,
): string | undefined {
  let found: string | undefined
  items.some((item, i) => (found = search(item, pathOf(i), seen, level + 1)) !== undefined)
  return found
}

function member(key: string): string {
  if (/^(0|[1-9]\d*)$/.test(key)) return `[${key}]`
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}
