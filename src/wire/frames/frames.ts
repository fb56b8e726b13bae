import { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { broken } from '../protocol.js'

/** The content of a frame: its first byte. Requests of the client, frames of the host, and frames between hosts. */
export const FrameKind = {
  /** Only the place up to which the other side has been read. Not numbered. */
  Ack: 1,
  /** The client goes and does not come back. Not numbered. */
  Bye: 2,
  Publish: 10,
  Settle: 11,
  Leave: 12,
  Sync: 13,
  Call: 14,
  Deliver: 20,
  Outcome: 21,
  Synced: 22,
  Reply: 23,
  Ended: 24,
  /** The client was silent for too long: the host took deliveries from it. */
  Lapsed: 28,
  /** An error that no call could report: it goes to `errors$`. */
  Notice: 29,
  /** A subscription has other rules than its client asked for. */
  Rules: 30,
  /** The host asks the client for its account of a subscription that stands still. */
  Books: 31,
  /**
   * Messages of another host may be lost, or have passed this one by: the client knows which of its subscriptions that
   * concerns.
   */
  Gap: 32,
  /** The incarnation of the name that a subscription has joined: before its first delivery. */
  Named: 33,
  /** Verdicts that the host is about to acknowledge, although it could not write them: the client keeps them. */
  Unwritten: 34,
  /** Between hosts, both ways: the patterns that the sender wants. */
  Interest: 25,
  /** From a leader: the present hosts. */
  Hosts: 26,
  /** From a leader: a call that the follower answers by one of its own. */
  Ask: 27,
} as const

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

const kinds = new Set<number>(Object.values(FrameKind))

/** Kind, then three numbers of six bytes: this frame, the last received one, the last finished one. */
export const HEADER_BYTES = 19

export interface FrameHeader {
  readonly kind: FrameKind
  /** 0: not numbered. */
  readonly number: number
  /** The sender has received all of the other side's frames up to here, */
  readonly received: number
  /** and has finished all up to here. */
  readonly acked: number
}

/** A writer whose next bytes are a frame: the header's place is kept free. */
export function beginFrame(writer: ByteWriter): ByteWriter {
  writer.raw(noHeader)
  return writer
}

const noHeader = new Uint8Array(HEADER_BYTES)

/** Into its place in front, and again when the frame is sent again. */
export function writeHeader(
  frame: Uint8Array,
  kind: FrameKind,
  number: number,
  received: number,
  acked: number,
): void {
  frame[0] = kind
  write48(frame, 1, number)
  write48(frame, 7, received)
  write48(frame, 13, acked)
}

export function readHeader(frame: Uint8Array): FrameHeader {
  const kind = frame[0]
  if (frame.length < HEADER_BYTES || kind === undefined) throw broken('ends too early')
  if (!isKind(kind)) throw broken(`is of unknown kind ${kind}`)
  const number = read48(frame, 1)
  if ((number === 0) !== kind < FrameKind.Publish) throw broken('has a number where none belongs, or none')
  return { kind, number, received: read48(frame, 7), acked: read48(frame, 13) }
}

/** The bytes after the header. */
export function bodyOf(frame: Uint8Array): ByteReader {
  return new ByteReader(frame.subarray(HEADER_BYTES), broken)
}

function isKind(kind: number): kind is FrameKind {
  return kinds.has(kind)
}

function write48(frame: Uint8Array, at: number, value: number): void {
  let rest = value
  for (let i = 0; i < 6; i++) {
    frame[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function read48(frame: Uint8Array, at: number): number {
  let value = 0
  for (let i = 5; i >= 0; i--) value = value * 256 + (frame[at + i] ?? 0)
  return value
}
