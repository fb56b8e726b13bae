import type { MsgvanError } from '../../errors.js'
import type { BytesHolder } from '../../message/envelope.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { Missed } from '../../wire/missed.js'
import type { FrameKind } from '../../wire/frames/frames.js'

/** A host that is a client of another host handles these too. */
export interface HostFrames {
  /** A frame that only hosts send. @throws ProtocolError */
  frame(kind: FrameKind, body: ByteReader): void
  /** Counts the memory of a frame with deliveries. */
  blockOf?(bytes: Uint8Array): BytesHolder
  /** An attempt to connect failed. Another follows. */
  failed(error: MsgvanError): void
  /** The other host does not know this one any more. */
  missed(missed: Missed): void
}
