import { asBuffer, viewOf } from './bytes.js'
import { recentText, rememberText, shortAscii } from './short-text.js'

const NodeBuffer = typeof Buffer === 'undefined' ? undefined : Buffer

const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** A number's bytes, in the machine's order: cheaper than a DataView for each reader. */
const oneFloat = new Float64Array(1)
const eightBytes = new Uint8Array(oneFloat.buffer)
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1

/** Reads the output of a ByteWriter. `fail` refuses missing and wrong bytes, before anything is allocated for them. */
export class ByteReader {
  readonly #bytes: Uint8Array
  /** Made on demand: most readers need none. */
  #lazyView: DataView | undefined
  readonly #fail: (what: string) => Error
  readonly #end: number
  #at: number

  /**
   * @param from with `length`: reads only this part of the bytes
   */
  constructor(bytes: Uint8Array, fail: (what: string) => Error, from = 0, length = bytes.length - from) {
    this.#bytes = asBuffer(bytes)
    this.#fail = fail
    this.#at = from
    this.#end = from + length
  }

  /** All bytes, those before and behind the read part too. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  fail(what: string): Error {
    return this.#fail(what)
  }

  u8(): number {
    const at = this.#at
    if (at >= this.#end) throw this.#fail('ends too early')
    this.#at = at + 1
    return this.#bytes[at] ?? 0
  }

  u32(): number {
    const at = this.#step(4)
    const bytes = this.#bytes
    const high = bytes[at + 3] ?? 0
    return (
      ((bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | (high << 24)) >>> 0
    )
  }

  f64(): number {
    const at = this.#step(8)
    for (let i = 0; i < 8; i++) eightBytes[IS_LITTLE_ENDIAN ? i : 7 - i] = this.#bytes[at + i] ?? 0
    return oneFloat[0] ?? 0
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.#step(8), true)
  }

  varint(): number {
    const first = this.u8()
    if (first < 0x80) return first
    let value = first & 0x7f
    let scale = 128
    for (;;) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) throw this.#fail('holds a number over 2^53')
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  /** A count of entries, each at least `bytesEach` long. Refuses at once a count that the rest cannot hold. */
  count(bytesEach: number): number {
    const count = this.varint()
    if (count * bytesEach > this.remaining)
      throw this.#fail(`announces ${count} entries and ends before them`)
    return count
  }

  /** A view on the next bytes, not a copy. */
  raw(length: number): Uint8Array {
    const at = this.#step(length)
    return this.#bytes.subarray(at, at + length)
  }

  /**
   * Like `raw`, without a view.
   *
   * @returns the place in `bytes` where they begin
   */
  skip(length: number): number {
    return this.#step(length)
  }

  string(): string {
    const length = this.varint()
    return this.#text(this.#step(length), length)
  }

  /** Like `string`, for a text that is likely to have come before. */
  recurring(): string {
    const length = this.varint()
    const at = this.#step(length)
    const bytes = this.#bytes
    return recentText(bytes, at, length) ?? rememberText(bytes, at, length, this.#text(at, length))
  }

  #text(at: number, length: number): string {
    const short = shortAscii(this.#bytes, at, length)
    if (short !== undefined) return short
    const { buffer, byteOffset } = this.#bytes
    if (NodeBuffer !== undefined) return (this.#bytes as Buffer).toString('utf8', at, at + length)
    return utf8Decoder.decode(new Uint8Array(buffer, byteOffset + at, length))
  }

  end(): void {
    if (this.#at !== this.#end) throw this.#fail(`has ${this.remaining} bytes too many`)
  }

  get #view(): DataView {
    this.#lazyView ??= viewOf(this.#bytes)
    return this.#lazyView
  }

  #step(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw this.#fail('ends too early')
    this.#at = at + length
    return at
  }
}
