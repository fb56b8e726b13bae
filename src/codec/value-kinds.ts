/**
 * The first byte of an encoded value. From `SmallInt` on, the byte is the number itself: 0 to 127.
 * The numbers are part of the protocol: docs/protocol.md lists them.
 */
export const Kind = {
  Undefined: 0,
  Null: 1,
  False: 2,
  True: 3,
  Int: 4,
  Float: 5,
  String: 6,
  /** For text with lone surrogates, which UTF-8 cannot express. */
  Utf16: 7,
  BigInt64: 8,
  BigInt: 9,
  NegativeBigInt: 10,
  Date: 11,
  RegExp: 12,
  Array: 13,
  SparseArray: 14,
  Object: 15,
  Map: 16,
  Set: 17,
  Buffer: 18,
  View: 19,
  ArrayBuffer: 20,
  Error: 21,
  Boxed: 22,
  /** An earlier object, by its place among the objects: cycles, and one object in two places. */
  Again: 23,
  /** An array with properties beside its elements, such as a match of a RegExp. */
  NamedArray: 24,
  SmallInt: 128,
} as const

/** Kinds of views, by their place in this list. A place never changes its meaning. */
export const viewNames = [
  'Int8Array',
  'Uint8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
] as const

/** Both sides refuse deeper nesting, instead of overflowing the stack. */
export const MAX_DEPTH = 1_000
