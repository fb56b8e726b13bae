import { Encoding } from '../codec/encoding.js'
import { messageId } from './message-id.js'

/** Text keys and values that travel beside the payload. */
export type Headers = Readonly<Record<string, string>>

export const noHeaders: Headers = Object.freeze({})

/** The memory that holds the bytes of messages, as long as one of them waits. */
export interface BytesHolder {
  /** A message of this size waits in one more place. */
  hold(size: number): void
  /** A message left one of these places. */
  release(size: number): void
}

/**
 * One published message as brokers pass it on: made once for each publish, shared by all deliveries, never changed.
 * `publisher` and `sequence` identify it in the whole van. Brokers never look into its content.
 */
export class Envelope {
  /** All deliveries of the message share it. */
  #id: string | undefined

  constructor(
    readonly publisher: string,
    readonly sequence: number,
    readonly topic: string,
    readonly headers: Headers,
    /** Milliseconds since the epoch, by the publisher's clock. */
    readonly timestamp: number,
    /**
     * The payload itself, or bytes that contain its own: a view of them for each message would cost more than the rest.
     */
    readonly content: unknown,
    /** The size of the payload, as far as known; 0 inside one process. */
    readonly size: number,
    readonly encoding: Encoding,
    /** The place in `content` where they begin. */
    readonly offset = 0,
    /** Counts the memory of `content`. Undefined: it is not counted. */
    readonly block?: BytesHolder,
  ) {}

  static {
    // A first envelope without a time has V8 point to later times, rather than copy each into a box of its own.
    const noTime = undefined as unknown as number
    new Envelope('', 0, '', noHeaders, noTime, undefined, 0, Encoding.Value)
  }

  /** The payload itself, or its own bytes. */
  get body(): unknown {
    if (this.encoding === Encoding.Value) return this.content
    const bytes = this.content as Uint8Array
    return bytes.length === this.size ? bytes : bytes.subarray(this.offset, this.offset + this.size)
  }

  /** The same envelope with bytes of its own: a long-lived copy does not keep the whole batch in memory. */
  get apart(): Envelope {
    const { size, encoding, body } = this
    const isApart = encoding === Encoding.Value || (this.content as Uint8Array).buffer.byteLength === size
    const content = isApart ? body : new Uint8Array(body as Uint8Array)
    return copyOf(this, Envelope, content, 0, undefined)
  }

  /** The message waits in one more place. */
  hold(): void {
    this.block?.hold(this.size)
  }

  /** The message left a place where it waited. */
  release(): void {
    this.block?.release(this.size)
  }

  /** The same message with its bytes at another place in memory. */
  moved(content: Uint8Array, block: BytesHolder): Envelope {
    return copyOf(this, this.constructor as EnvelopeKind<Envelope>, content, 0, block)
  }

  /** The same message in an envelope of that kind. */
  as<E extends Envelope>(Kind: EnvelopeKind<E>): E {
    return copyOf(this, Kind, this.content, this.offset, this.block)
  }

  /** The message was published before, to a host that is gone, and some subscriptions may have it already. */
  get mayHaveCome(): boolean {
    return false
  }

  /** The message was a dead letter: its subscription is owed it once more, after any earlier outcome. */
  get isRedriven(): boolean {
    return false
  }

  /** Made on demand: hosts pass most messages on without it. */
  get id(): string {
    return (this.#id ??= messageId(this.publisher, this.sequence))
  }
}

/** A class of envelopes. */
type EnvelopeKind<E extends Envelope> = new (...parts: ConstructorParameters<typeof Envelope>) => E

/** Every copy of an envelope comes from here. */
function copyOf<E extends Envelope>(
  { publisher, sequence, topic, headers, timestamp, size, encoding }: Envelope,
  Kind: EnvelopeKind<E>,
  content: unknown,
  offset: number,
  block: BytesHolder | undefined,
): E {
  return new Kind(publisher, sequence, topic, headers, timestamp, content, size, encoding, offset, block)
}

/** A message that its publisher sends again because the first host is gone. A class, not a field: few messages are. */
export class RepeatedEnvelope extends Envelope {
  override get mayHaveCome(): boolean {
    return true
  }
}

/** A dead letter on its way back to its subscription. */
export class RedrivenEnvelope extends Envelope {
  override get isRedriven(): boolean {
    return true
  }
}
