/** The form of `Envelope.content`. */
export enum Encoding {
  /** The payload itself: one process, without a border. */
  Value = 0,
  /** The payload's bytes, decoded when an app receives the message. */
  Bytes = 1,
  /** A dead letter's bytes, whose `payload` field is bytes again. */
  Letter = 2,
}

const encodings = [Encoding.Value, Encoding.Bytes, Encoding.Letter] as const

/** The encoding for a byte from outside, if it is one. */
export function encodingFrom(byte: number): Encoding | undefined {
  return encodings[byte]
}
