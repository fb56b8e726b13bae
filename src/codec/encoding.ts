/** What `Envelope.content` is, and how it is to be read. */
export enum Encoding {
  /** The payload itself: one process, no border crossed. */
  Value = 0,
  /** The payload's bytes, decoded where an app receives the message. */
  Bytes = 1,
  /** A dead letter's bytes, whose `payload` field is bytes again. */
  Letter = 2,
}

const encodings = [Encoding.Value, Encoding.Bytes, Encoding.Letter] as const

/** The encoding that a byte from outside names, if any. */
export function encodingFrom(byte: number): Encoding | undefined {
  return encodings[byte]
}
