/** The kind of an object for the codec. */
export type Shape =
  | 'plain'
  | 'array'
  | 'view'
  | 'date'
  | 'regexp'
  | 'map'
  | 'set'
  | 'buffer'
  | 'error'
  | 'boxed'
  | 'unserializable'

/** By brand, so that objects of another realm count as well. */
const branded: Readonly<Record<string, Shape>> = {
  '[object Date]': 'date',
  '[object RegExp]': 'regexp',
  '[object Map]': 'map',
  '[object Set]': 'set',
  '[object ArrayBuffer]': 'buffer',
  '[object Error]': 'error',
  '[object String]': 'boxed',
  '[object Number]': 'boxed',
  '[object Boolean]': 'boxed',
  '[object BigInt]': 'boxed',
}

/**
 * The kind of a class's instances, by its prototype: `'sealed'` if they are plain, but have accessors instead of own
 * properties to carry.
 */
type ClassShape = Shape | 'sealed'

/** By prototype: each class is examined once. */
const classes = new WeakMap<object, ClassShape>()

/**
 * Instances of a program's own classes are plain objects, as for structured clone. An object whose state is not in
 * properties (a File, a key, an iterator, a URL) would arrive as `{}`, so it cannot cross.
 */
export function shapeOf(value: object): Shape {
  const proto = Object.getPrototypeOf(value) as object | null
  if (proto === Object.prototype || proto === null) return 'plain'
  if (Array.isArray(value)) return 'array'
  if (ArrayBuffer.isView(value)) return hasBytes(value) ? 'view' : 'unserializable'
  if (value instanceof Error) return 'error'
  const shape = classes.get(proto) ?? learn(value, proto)
  if (shape === 'plain') return 'plain'
  if (shape === 'sealed') return Object.keys(value).length === 0 ? 'unserializable' : 'plain'
  return isBrand(value, shape) ? shape : 'unserializable'
}

function learn(value: object, proto: object): ClassShape {
  const tag = Object.prototype.toString.call(value)
  const shape = Object.hasOwn(branded, tag) ? branded[tag] : undefined
  // A borrowed tag proves nothing about other objects of that prototype.
  if (shape !== undefined && !isBrand(value, shape)) return 'unserializable'
  const found = shape ?? classShapeOf(tag, proto)
  classes.set(proto, found)
  return found
}

function classShapeOf(tag: string, proto: object): ClassShape {
  let isSealed = false
  for (
    let each: object | null = proto;
    each !== null && !isRoot(each);
    each = Object.getPrototypeOf(each) as object | null
  ) {
    if (isOfPlatform(each)) return 'unserializable'
    isSealed ||= hasAccessors(each)
  }
  return isSealed || tag !== '[object Object]' ? 'sealed' : 'plain'
}

/** `Object.prototype`, of this realm or another one. */
function isRoot(proto: object): boolean {
  return Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, 'hasOwnProperty')
}

/** Its class belongs to the engine or the platform: only a subclass of the supported ones has such a prototype. */
function isOfPlatform(proto: object): boolean {
  const make: unknown = Object.getOwnPropertyDescriptor(proto, 'constructor')?.value
  if (typeof make !== 'function') return false
  const { name } = make
  const global = Object.getOwnPropertyDescriptor(globalThis, name)
  // A script's global declarations are enumerable; the platform's are not.
  if (global?.value === make && global.enumerable === false) return true
  return (
    /\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(make)) &&
    !/^(Object$|bound )/.test(name)
  )
}

function hasAccessors(proto: object): boolean {
  return Object.entries(Object.getOwnPropertyDescriptors(proto)).some(
    ([name, property]) => 'get' in property && name !== '__proto__',
  )
}

const getter = (proto: object, key: string): ((this: unknown) => unknown) =>
  Reflect.get(Object.getOwnPropertyDescriptor(proto, key) ?? {}, 'get') as (this: unknown) => unknown
const mapSize = getter(Map.prototype, 'size')
const setSize = getter(Set.prototype, 'size')
const bufferLength = getter(ArrayBuffer.prototype, 'byteLength')
const viewLength = getter(DataView.prototype, 'byteLength')
const viewKeys = Reflect.get(Object.getPrototypeOf(Uint8Array.prototype) as object, 'keys') as () => unknown
const regExpSource = getter(RegExp.prototype, 'source')

// An object can lie about itself; the engine's own functions do not.

export const sizeOfMap = (map: Map<unknown, unknown>): number => mapSize.call(map) as number
export const sizeOfSet = (set: Set<unknown>): number => setSize.call(set) as number
export const entriesOf = (map: Map<unknown, unknown>): IterableIterator<[unknown, unknown]> =>
  Map.prototype.entries.call(map) as IterableIterator<[unknown, unknown]>
export const valuesOf = (set: Set<unknown>): IterableIterator<unknown> =>
  Set.prototype.values.call(set) as IterableIterator<unknown>
export const timeOf = (date: Date): number => Date.prototype.getTime.call(date)

const boxes: readonly { valueOf: unknown }[] = [
  String.prototype,
  Number.prototype,
  Boolean.prototype,
  BigInt.prototype,
]

/** The primitive in a box, whatever its own `valueOf` returns; undefined if it is not a box. */
export function unboxed(value: object): unknown {
  for (const prototype of boxes) {
    try {
      return (prototype.valueOf as (this: unknown) => unknown).call(value)
    } catch {
      // It is another kind of box.
    }
  }
  return undefined
}

/** Its bytes went to a worker or a port with `transfer`, or its buffer was made shorter: structured clone refuses it, too. */
function hasBytes(view: ArrayBufferView): boolean {
  try {
    if (view instanceof DataView) return viewLength.call(view) !== undefined
    return view.byteLength > 0 || viewKeys.call(view) !== undefined
  } catch {
    return false
  }
}

function isDetached(buffer: ArrayBuffer): boolean {
  try {
    ArrayBuffer.prototype.slice.call(buffer)
    return false
  } catch {
    return true
  }
}

/** Whether the value was made as bytes, and has none any more. */
export function isWithoutBytes(value: object): boolean {
  return ArrayBuffer.isView(value) ? !hasBytes(value) : value instanceof ArrayBuffer && isDetached(value)
}

/** A tag or a prototype can be borrowed: this asks the engine. */
function isBrand(value: object, shape: Shape): boolean {
  try {
    switch (shape) {
      case 'map':
        mapSize.call(value)
        return true
      case 'set':
        setSize.call(value)
        return true
      case 'date':
        Date.prototype.getTime.call(value)
        return true
      case 'regexp':
        regExpSource.call(value)
        return true
      case 'buffer':
        return bufferLength.call(value) !== 0 || !isDetached(value as ArrayBuffer)
      case 'boxed':
        return unboxed(value) !== undefined
      default:
        return true
    }
  } catch {
    return false
  }
}
