import type { ByteReader } from '../../codec/byte-reader.js'
import type { ByteWriter } from '../../codec/byte-writer.js'
import { TABLE_BYTES, TABLE_ENTRIES } from '../protocol.js'

/** Written once; both sides remember it. */
const NEW = 0
/** Written out, because the table is full. */
const INLINE = 1
const FIRST = 2

/** A text's share of the table, which both sides know; the UTF-8 length does not count. */
const weight = (text: string): number => text.length + 16

/**
 * Topics and publishers cross a link once, then as a number. It only grows, up to a bound, so that old frames stay
 * readable.
 */
export class WritingTable {
  readonly #numbers = new Map<string, number>()
  readonly #texts: string[] = []
  #bytes = 0
  /** Topics and publishers alternate: the last text, and the one before it. */
  #last = ''
  #lastNumber = -1
  #before = ''
  #beforeNumber = -1

  write(writer: ByteWriter, text: string): void {
    if (text === this.#last && this.#lastNumber >= 0) {
      writer.varint(this.#lastNumber + FIRST)
      return
    }
    if (text === this.#before && this.#beforeNumber >= 0) {
      writer.varint(this.#beforeNumber + FIRST)
      this.#remember(text, this.#beforeNumber)
      return
    }
    const known = this.#numbers.get(text)
    if (known !== undefined) {
      writer.varint(known + FIRST)
      this.#remember(text, known)
      return
    }
    const fits = this.#texts.length < TABLE_ENTRIES && this.#bytes + weight(text) <= TABLE_BYTES
    writer.u8(fits ? NEW : INLINE)
    writer.string(text)
    if (!fits) return
    this.#numbers.set(text, this.#texts.length)
    this.#texts.push(text)
    this.#bytes += weight(text)
  }

  get size(): number {
    return this.#texts.length
  }

  get texts(): readonly string[] {
    return this.#texts
  }

  /** The texts of another process, which this one continues. */
  restore(texts: readonly string[]): void {
    for (const text of texts) {
      this.#numbers.set(text, this.#texts.length)
      this.#texts.push(text)
      this.#bytes += weight(text)
    }
  }

  /** Forgets all texts since the table had `size` entries: the frame that announced them was never sent. */
  truncate(size: number): void {
    for (const text of this.#texts.splice(size)) {
      this.#numbers.delete(text)
      this.#bytes -= weight(text)
    }
    this.#lastNumber = -1
    this.#beforeNumber = -1
  }

  #remember(text: string, number: number): void {
    this.#before = this.#last
    this.#beforeNumber = this.#lastNumber
    this.#last = text
    this.#lastNumber = number
  }

  /** For reading one's own frames again. */
  text(number: number): string | undefined {
    return this.#texts[number]
  }
}

/** The other side of a WritingTable, with the same bounds. */
export class ReadingTable {
  readonly #texts: string[] = []
  #bytes = 0

  get texts(): readonly string[] {
    return this.#texts
  }

  /** The texts of another process, which this one continues. */
  restore(texts: readonly string[]): void {
    for (const text of texts) {
      this.#texts.push(text)
      this.#bytes += weight(text)
    }
  }

  read(reader: ByteReader): string {
    const number = reader.varint()
    if (number >= FIRST) {
      const text = this.#texts[number - FIRST]
      if (text === undefined) throw reader.fail('names a text that it never sent')
      return text
    }
    const text = reader.string()
    if (number === INLINE) return text
    this.#bytes += weight(text)
    if (this.#texts.length >= TABLE_ENTRIES || this.#bytes > TABLE_BYTES)
      throw reader.fail('has more texts remembered than may be')
    this.#texts.push(text)
    return text
  }
}

/** Reads frames that were written with this table, which therefore knows all their texts. */
export function rereading(table: WritingTable): Pick<ReadingTable, 'read'> {
  return {
    read(reader) {
      const number = reader.varint()
      if (number < FIRST) return reader.string()
      const text = table.text(number - FIRST)
      if (text === undefined) throw reader.fail('names a text that it never sent')
      return text
    },
  }
}
