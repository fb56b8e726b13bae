import {
  describe,
  errorFromCode,
  InvalidOptionError,
  LimitError,
  MsgvanError,
  RemoteError,
} from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import { ByteWriter } from '../../codec/byte-writer.js'
import { decodePayload, decodePlain, encodePayload } from '../../codec/payload.js'
import { beginFrame } from './frames.js'
import type { Missed } from '../missed.js'
import { broken, MAX_ANSWER_BYTES } from '../protocol.js'

/**
 * A subscription's consumer left. Messages that it did not get go back untouched; those that it keeps stay; the rest go
 * back.
 */
export interface Leave {
  readonly subscription: number
  /** The last delivery that the consumer saw. */
  readonly handed: number
  readonly kept: readonly number[]
}

/** The outcome of publishes that were not accepted at once. */
export interface Outcome {
  /** The PUBLISH frame's number. */
  readonly frame: number
  readonly entries: readonly OutcomeEntry[]
}

export interface OutcomeEntry {
  readonly index: number
  readonly outcome: 'held' | 'taken' | WireError
}

export interface WireError {
  readonly code: string
  readonly text: string
}

export interface Call {
  readonly id: number
  readonly method: string
  readonly args: unknown
  /** The client made this call in a session that it has lost: it may have been carried out. */
  readonly isAgain?: true
}

/** A flag of a CALL frame. */
const AGAIN = 0x01

export type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: WireError })

/** The host ended a subscription: it was unsubscribed by name, or refused. */
export interface Ended {
  readonly subscription: number
  readonly error: WireError | undefined
}

const writer = new ByteWriter()

/** Begins anew: an encoding that threw may have left something behind. */
function begin(): ByteWriter {
  writer.truncate(0)
  return beginFrame(writer)
}

export function encodeLeave({ subscription, handed, kept }: Leave): Uint8Array {
  begin()
  writer.varint(subscription)
  writer.varint(handed)
  writer.varint(kept.length)
  for (const number of kept) writer.varint(number)
  return writer.take()
}

export function decodeLeave(reader: ByteReader): Leave {
  const subscription = reader.varint()
  const handed = reader.varint()
  const count = reader.count(1)
  const kept: number[] = []
  for (let i = 0; i < count; i++) kept.push(reader.varint())
  reader.end()
  return { subscription, handed, kept }
}

/** SYNC and SYNCED: only a subscription's number. */
export function encodeSync(subscription: number): Uint8Array {
  begin().varint(subscription)
  return writer.take()
}

export function decodeSync(reader: ByteReader): number {
  const subscription = reader.varint()
  reader.end()
  return subscription
}

/** Deliveries up to this one do not belong to the client any more: it was silent for too long. */
export interface Lapse {
  readonly subscription: number
  readonly through: number
}

export function encodeLapse({ subscription, through }: Lapse): Uint8Array {
  begin().varint(subscription)
  writer.varint(through)
  return writer.take()
}

export function decodeLapse(reader: ByteReader): Lapse {
  const subscription = reader.varint()
  const through = reader.varint()
  reader.end()
  return { subscription, through }
}

/** @param through the last SETTLE frame whose verdicts are not on the disk */
export function encodeUnwritten(through: number): Uint8Array {
  begin().varint(through)
  return writer.take()
}

export function decodeUnwritten(reader: ByteReader): number {
  const through = reader.varint()
  reader.end()
  return through
}

const HELD = 0
const TAKEN = 1
const REFUSED = 2

export function encodeOutcome({ frame, entries }: Outcome): Uint8Array {
  begin()
  writer.varint(frame)
  writer.varint(entries.length)
  for (const { index, outcome } of entries) {
    writer.varint(index)
    if (outcome === 'held') writer.u8(HELD)
    else if (outcome === 'taken') writer.u8(TAKEN)
    else {
      writer.u8(REFUSED)
      writeError(outcome)
    }
  }
  return writer.take()
}

export function decodeOutcome(reader: ByteReader): Outcome {
  const frame = reader.varint()
  const count = reader.count(2)
  const entries: OutcomeEntry[] = []
  for (let i = 0; i < count; i++) {
    const index = reader.varint()
    const kind = reader.u8()
    if (kind === HELD) entries.push({ index, outcome: 'held' })
    else if (kind === TAKEN) entries.push({ index, outcome: 'taken' })
    else if (kind === REFUSED) entries.push({ index, outcome: readError(reader) })
    else throw reader.fail('holds an unknown outcome')
  }
  reader.end()
  return { frame, entries }
}

/**
 * @param maxBytes the limit of the other side
 *
 * @throws InvalidPayloadError if the arguments cannot cross, LimitError if they are too large
 */
export function encodeCall({ id, method, args, isAgain }: Call, maxBytes = Infinity): Uint8Array {
  // Before the frame begins: a publish by a getter in it has a frame of its own.
  const bytes = encodePayload(args)
  if (bytes.length > maxBytes) {
    throw new LimitError(
      `The arguments of ${method} take ${bytes.length} bytes; the host takes ${maxBytes} at most. Give less, or raise --max-payload.`,
    )
  }
  begin()
  writer.varint(id)
  writer.u8(isAgain === true ? AGAIN : 0)
  writer.string(method)
  writer.raw(bytes)
  return writer.take()
}

/**
 * Arguments over the limit are not decoded, and those that are not plain are left out: the call comes without them, and
 * with the error for its caller.
 *
 * @param maxBytes the limit for the arguments of a call
 */
export function decodeCall(
  reader: ByteReader,
  maxBytes: (method: string) => number = () => Infinity,
): Call & { readonly refusal?: MsgvanError } {
  const id = reader.varint()
  const flags = reader.u8()
  const head = { id, method: reader.string(), ...((flags & AGAIN) === 0 ? {} : { isAgain: true as const }) }
  const { method } = head
  const bytes = reader.remaining
  const most = maxBytes(method)
  if (bytes > most) {
    const refusal = new LimitError(
      `The arguments of a call take ${bytes} bytes; the host takes ${most} at most. Give less.`,
    )
    return { ...head, args: undefined, refusal }
  }
  try {
    return { ...head, args: rest(reader, decodePlain) }
  } catch (error) {
    if (error instanceof InvalidOptionError) return { ...head, args: undefined, refusal: error }
    throw error
  }
}

/** A value that cannot cross, or is too large, becomes the error that reports this. */
export function encodeReply(reply: Reply): Uint8Array {
  const content = 'error' in reply ? reply.error : answerBytes(reply.value)
  begin()
  writer.varint(reply.id)
  if (content instanceof Uint8Array) {
    writer.u8(0)
    writer.raw(content)
  } else {
    writer.u8(1)
    writeError(content)
  }
  return writer.take()
}

function answerBytes(value: unknown): Uint8Array | WireError {
  try {
    const bytes = encodePayload(value)
    return bytes.length <= MAX_ANSWER_BYTES ? bytes : toWireError(tooLargeAnswer(bytes.length))
  } catch (error) {
    return toWireError(error)
  }
}

export function tooLargeAnswer(bytes: number): LimitError {
  return new LimitError(
    `The answer takes ${bytes} bytes; the limit is ${MAX_ANSWER_BYTES}. Ask for less at once.`,
  )
}

export function decodeReply(reader: ByteReader): Reply {
  const id = reader.varint()
  if (reader.u8() === 0) return { id, value: rest(reader) }
  const error = readError(reader)
  reader.end()
  return { id, error }
}

export function encodeEnded({ subscription, error }: Ended): Uint8Array {
  begin()
  writer.varint(subscription)
  writer.u8(error === undefined ? 0 : 1)
  if (error !== undefined) writeError(error)
  return writer.take()
}

export function decodeEnded(reader: ByteReader): Ended {
  const subscription = reader.varint()
  const error = reader.u8() === 0 ? undefined : readError(reader)
  reader.end()
  return { subscription, error }
}

/** NOTICE: only an error. */
export function encodeNotice(error: WireError): Uint8Array {
  begin()
  writeError(error)
  return writer.take()
}

export function decodeNotice(reader: ByteReader): WireError {
  const error = readError(reader)
  reader.end()
  return error
}

/** GAP: the kinds of messages of another host that may have been missed. */
export function encodeGap({ live, replayed, named }: Missed): Uint8Array {
  begin()
  writer.u8((live ? 1 : 0) | (replayed ? 2 : 0) | (named ? 4 : 0))
  return writer.take()
}

export function decodeGap(reader: ByteReader): Missed {
  const flags = reader.u8()
  reader.end()
  if (flags > 7) throw broken(`has unknown flags ${flags}`)
  return { live: (flags & 1) !== 0, replayed: (flags & 2) !== 0, named: (flags & 4) !== 0 }
}

export function toWireError(error: unknown): WireError {
  if (error instanceof MsgvanError) return { code: error.code, text: error.message }
  return { code: 'MSGVAN_REMOTE', text: describe(error) }
}

export function fromWireError({ code, text }: WireError): MsgvanError {
  return code === '' ? new RemoteError(text) : errorFromCode(code, text)
}

function writeError({ code, text }: WireError): void {
  writer.string(code)
  writer.string(text)
}

function readError(reader: ByteReader): WireError {
  return { code: reader.string(), text: reader.string() }
}

function rest(reader: ByteReader, decode: (bytes: Uint8Array) => unknown = decodePayload): unknown {
  try {
    return decode(reader.raw(reader.remaining))
  } catch (error) {
    if (error instanceof InvalidOptionError) throw error
    throw broken(`holds an unreadable value (${describe(error)})`)
  }
}
