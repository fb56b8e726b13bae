import { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { broken } from '../protocol.js'

/** What a frame carries: its first byte. Requests of the client, what the host sends, and what only hosts say. */
export const FrameKind = {
  /** Nothing but how far the other side has been read. Not numbered. */
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
  /** The client was silent for too long: deliveries were taken from it. */
  Lapsed: 28,
  /** Something that no call could report: it goes to `errors$`. */
  Notice: 29,
  /** A subscription has other rules than its client asked for. */
  Rules: 30,
  /** The client is asked what it has of a subscription, where nothing goes on. */
  Books: 31,
  /** What another host kept may be lost, or passed this one by: the client knows which of its subscriptions that concerns. */
  Gap: 32,
  /** Which incarnation of its name a subscription has joined: before its first delivery. */
  Named: 33,
  /** Between hosts, both ways: what the sender wants to be sent. */
  Interest: 25,
  /** From a leader: who is there. */
  Hosts: 26,
  /** From a leader: a call that the follower answers by one of its own. */
  Ask: 27,
} as const

export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind]

const kinds = new Set<number>(Object.values(FrameKind))

/** Kind, then three numbers of six bytes: this frame, the last one received, the last one done with. */
export const HEADER_BYTES = 19

export interface FrameHeader {
  readonly kind: FrameKind
  /** 0: not numbered. */
  readonly number: number
  /** The sender has all of the other side's frames up to here. */
  readonly received: number
  /** And is done with all up to here. */
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

/** What follows the header. */
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
