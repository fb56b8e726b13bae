import { copyPart, varintSize, viewOf } from './bytes.js'

/** Node's Buffer if it exists: its string functions are several times faster than TextEncoder's. */
const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer

const utf8Encoder = new TextEncoder()

const FIRST_BYTES = 1024
/** Up to this size the result is copied out, and the memory used again. */
const SMALL_BYTES = 4 * 1024
const SHORT_STRING = 24
/** Up to this number of bytes a loop over words is faster than a view to copy from. */
const WORDS_BYTES = 112

function allocate(bytes: number): Uint8Array {
  return NodeBuffer === undefined ? new Uint8Array(bytes) : NodeBuffer.allocUnsafeSlow(bytes)
}

/** Appends to a buffer that grows. It never writes to the memory of a result of `take` again. */
export class ByteWriter {
  #bytes = allocate(FIRST_BYTES)
  #view = viewOf(this.#bytes)
  #start = 0
  #end = 0
  /** The last source of a copied part, until `take`. */
  #source: Uint8Array | undefined
  #sourceView: DataView | undefined
  /** The next result will be about as long as the last one. */
  #likely = FIRST_BYTES

  /** Bytes written since the last `take` or `drop`. */
  get length(): number {
    return this.#end - this.#start
  }

  /** The written bytes, in memory that the writer never touches again. */
  take(): Uint8Array {
    const { length } = this
    this.#likely = length
    this.#source = this.#sourceView = undefined
    if (length <= SMALL_BYTES) {
      const copy = NodeBuffer === undefined ? this.#written().slice() : NodeBuffer.from(this.#written())
      this.#end = this.#start
      return copy
    }
    const taken = this.#written()
    this.#start = this.#end
    return taken
  }

  /** Forgets everything after `length` bytes: the way back after a value that does not fit. */
  truncate(length: number): void {
    this.#end = this.#start + length
  }

  /** The written bytes from `from` to `to`: a view, valid until the next write. */
  view(from: number, to = this.length): Uint8Array {
    return this.#bytes.subarray(this.#start + from, this.#start + to)
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#end++] = value
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#end, value, true)
    this.#end += 4
  }

  /** Overwrites four bytes, `at` bytes after the beginning. */
  u32At(at: number, value: number): void {
    this.#view.setUint32(this.#start + at, value, true)
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#end, value, true)
    this.#end += 8
  }

  i64(value: bigint): void {
    this.#reserve(8)
    this.#view.setBigInt64(this.#end, value, true)
    this.#end += 8
  }

  /** A whole number from 0 to 2^53 - 1, in one to eight bytes. */
  varint(value: number): void {
    this.#reserve(8)
    const bytes = this.#bytes
    let end = this.#end
    while (value > 0x7fffffff) {
      bytes[end++] = (value % 128) | 0x80
      value = Math.floor(value / 128)
    }
    while (value > 0x7f) {
      bytes[end++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    bytes[end++] = value
    this.#end = end
  }

  /** Replaces the one byte `at` bytes after the beginning; the rest moves if the number takes more room. */
  varintAt(at: number, value: number): void {
    const more = varintSize(value) - 1
    if (more > 0) {
      this.#reserve(more)
      const after = this.#start + at + 1
      this.#bytes.copyWithin(after + more, after, this.#end)
      this.#end += more
    }
    let place = this.#start + at
    for (let rest = value; ; rest = Math.floor(rest / 128)) {
      this.#bytes[place++] = rest > 0x7f ? (rest % 128) | 0x80 : rest
      if (rest <= 0x7f) return
    }
  }

  raw(bytes: Uint8Array): void {
    const length = bytes.length
    this.#reserve(length)
    this.#bytes.set(bytes, this.#end)
    this.#end += length
  }

  /** `length` bytes of these, from `from` on. */
  part(bytes: Uint8Array, from: number, length: number): void {
    this.#reserve(length)
    if (length > WORDS_BYTES) copyPart(bytes, from, length, this.#bytes, this.#end)
    else this.#words(bytes, from, length)
    this.#end += length
  }

  /** Most parts are short and consecutive parts of the same bytes: four bytes at a time they need no view. */
  #words(bytes: Uint8Array, from: number, length: number): void {
    if (bytes !== this.#source || this.#sourceView === undefined) {
      this.#source = bytes
      this.#sourceView = viewOf(bytes)
    }
    const source = this.#sourceView
    const view = this.#view
    const end = this.#end
    let at = 0
    for (; at + 4 <= length; at += 4) view.setInt32(end + at, source.getInt32(from + at, true), true)
    for (; at < length; at++) this.#bytes[end + at] = bytes[from + at] ?? 0
  }

  /** Like `string`, with a byte in front. */
  tagged(tag: number, text: string): boolean {
    const length = text.length
    if (length < SHORT_STRING) {
      this.#reserve(2 + length)
      this.#bytes[this.#end++] = tag
      if (this.#shortAscii(text, length)) return true
      this.#end--
    }
    this.u8(tag)
    return this.#longer(text, length)
  }

  /** Length in bytes, then UTF-8. Returns whether the text is plain ASCII. */
  string(text: string): boolean {
    const length = text.length
    if (length < SHORT_STRING) {
      this.#reserve(1 + length)
      if (this.#shortAscii(text, length)) return true
    }
    return this.#longer(text, length)
  }

  #longer(text: string, length: number): boolean {
    this.#reserve(13 + length * 3)
    // The length comes first but is known last: leave room for the varint of the likeliest length, that of ASCII.
    const room = varintSize(length)
    const from = this.#end + room
    const written = this.#utf8(text, from, length)
    const size = varintSize(written)
    if (size !== room) this.#bytes.copyWithin(this.#end + size, from, from + written)
    this.varint(written)
    this.#end += written
    return written === length
  }

  /** There is room. */
  #shortAscii(text: string, length: number): boolean {
    const bytes = this.#bytes
    const at = this.#end
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) return false
      bytes[at + 1 + i] = unit
    }
    bytes[at] = length
    this.#end = at + 1 + length
    return true
  }

  #utf8(text: string, from: number, length: number): number {
    if (NodeBuffer !== undefined) return (this.#bytes as Buffer).write(text, from, 'utf8')
    return utf8Encoder.encodeInto(text, this.#bytes.subarray(from, from + length * 3)).written
  }

  #written(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end)
  }

  #reserve(bytes: number): void {
    if (this.#bytes.length - this.#end >= bytes) return
    const length = this.length
    const grown = allocate(Math.max(FIRST_BYTES, Math.ceil(this.#likely * 1.5), (length + bytes) * 2))
    grown.set(this.#written())
    this.#bytes = grown
    this.#view = viewOf(grown)
    this.#start = 0
    this.#end = length
  }
}
