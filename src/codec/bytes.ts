const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer

/** Up to this number of bytes a loop is faster than a view to copy from. */
const LOOP_BYTES = 24

/** Copies a part of some bytes. */
export function copyPart(from: Uint8Array, start: number, length: number, to: Uint8Array, at: number): void {
  if (length > LOOP_BYTES) to.set(new Uint8Array(from.buffer, from.byteOffset + start, length), at)
  else for (let i = 0; i < length; i++) to[at + i] = from[start + i] ?? 0
}

/** The size of `value` as a varint, in bytes. */
export function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) size++
  return size
}

/** The same memory as a Buffer in Node; unchanged in a browser. */
export function asBuffer(bytes: Uint8Array): Uint8Array {
  if (NodeBuffer === undefined || NodeBuffer.isBuffer(bytes)) return bytes
  return NodeBuffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
