import {
  Envelope,
  RepeatedEnvelope,
  RedrivenEnvelope,
  type Headers,
  type BytesHolder,
} from '../../../message/envelope.js'
import type { Separator } from '../../memory/separator.js'
import { Encoding, encodingFrom } from '../../../codec/encoding.js'

/** Messages in one block. */
const CAPACITY = 1_024

/** A flag beside the encoding. */
const REPEATED = 0x80
const REPLAYED = 0x40

/**
 * Pending envelopes as columns: a third of the memory of objects. Their bytes stay where they are, shared with the
 * other subscriptions of the same message.
 */
export class PackedEnvelopes {
  readonly #publishers: string[] = []
  readonly #topics: string[] = []
  readonly #headers: Headers[] = []
  readonly #contents: unknown[] = []
  readonly #blocks: (BytesHolder | undefined)[] = []
  readonly #sequences = new Float64Array(CAPACITY)
  readonly #timestamps = new Float64Array(CAPACITY)
  readonly #sizes = new Float64Array(CAPACITY)
  readonly #offsets = new Uint32Array(CAPACITY)
  readonly #encodings = new Uint8Array(CAPACITY)
  #length = 0
  /** Undefined while each is one more than the one before it. */
  #orders: number[] | undefined

  /**
   * @param firstOrder of the first one
   */
  constructor(readonly firstOrder: number) {}

  get length(): number {
    return this.#length
  }

  /** Adds an envelope, if there is room. */
  add(envelope: Envelope, order: number): boolean {
    const at = this.#length
    if (at === CAPACITY) return false
    // Some came from another process, where those between had been handed out.
    if (this.#orders === undefined && order !== this.firstOrder + at)
      this.#orders = Array.from({ length: at }, (_, before) => this.firstOrder + before)
    this.#orders?.push(order)
    this.#publishers.push(envelope.publisher)
    this.#topics.push(envelope.topic)
    this.#headers.push(envelope.headers)
    this.#contents.push(envelope.content)
    this.#blocks.push(envelope.block)
    this.#sequences[at] = envelope.sequence
    this.#timestamps[at] = envelope.timestamp
    this.#sizes[at] = envelope.size
    this.#offsets[at] = envelope.offset
    this.#encodings[at] =
      envelope.encoding | (envelope.mayHaveCome ? REPEATED : 0) | (envelope.isRedriven ? REPLAYED : 0)
    this.#length += 1
    return true
  }

  orderAt(at: number): number {
    return this.#orders === undefined ? this.firstOrder + at : (this.#orders[at] ?? 0)
  }

  /** The envelopes again. */
  *envelopes(): Generator<Envelope> {
    for (let at = 0; at < this.#length; at += 1) yield this.#envelope(at)
  }

  /** Gives messages bytes of their own. */
  separate(separator: Separator): void {
    for (let at = 0; at < this.#length; at += 1) {
      if (!separator.leaves(this.#blocks[at])) continue
      const { content, offset, block } = separator.apart(this.#envelope(at))
      this.#contents[at] = content
      this.#offsets[at] = offset
      this.#blocks[at] = block
    }
  }

  /** They do not wait here any more. */
  release(): void {
    for (let at = 0; at < this.#length; at += 1) this.#blocks[at]?.release(this.#sizes[at] ?? 0)
  }

  #envelope(at: number): Envelope {
    const flags = this.#encodings[at] ?? Encoding.Value
    const Kind = kindOf(flags)
    return new Kind(
      this.#publishers[at] ?? '',
      this.#sequences[at] ?? 0,
      this.#topics[at] ?? '',
      this.#headers[at] ?? {},
      this.#timestamps[at] ?? 0,
      this.#contents[at],
      this.#sizes[at] ?? 0,
      encodingFrom(flags & ~(REPEATED | REPLAYED)) ?? Encoding.Value,
      this.#offsets[at],
      this.#blocks[at],
    )
  }
}

function kindOf(flags: number): typeof Envelope {
  if ((flags & REPLAYED) !== 0) return RedrivenEnvelope
  return (flags & REPEATED) === 0 ? Envelope : RepeatedEnvelope
}
