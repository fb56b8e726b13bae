import type { Missed } from '../../wire/missed.js'
import type { MsgvanError } from '../../errors.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import {
  decodeEnded,
  decodeGap,
  decodeLapse,
  decodeNotice,
  decodeOutcome,
  decodeReply,
  decodeSync,
  decodeUnwritten,
  fromWireError,
} from '../../wire/frames/control-frames.js'
import { DeliverReader } from '../../wire/frames/deliver-frame.js'
import { FrameKind } from '../../wire/frames/frames.js'
import { broken } from '../../wire/protocol.js'
import { decodeValue } from '../../wire/frames/host-frames.js'
import { decodeNamed, decodeRules } from '../../wire/frames/subscription-request.js'
import type { ReadingTable } from '../../wire/frames/string-table.js'
import type { Calls } from '../calls/calls.js'
import type { HostFrames } from './host-frames.js'
import type { Inboxes } from '../inbox/inboxes.js'
import type { Outbox } from '../outbox/outbox.js'

export interface ReceiversOwner {
  /** For errors that no call can report. */
  report(error: MsgvanError): void
  /** The host is a follower, and its leader does not know it any more. */
  missed(missed: Missed): void
}

export interface Receivers {
  readonly inboxes: Inboxes
  readonly calls: Calls
  readonly outbox: Outbox
  /** Handles frames that only hosts send each other; undefined where this side is not a host. */
  readonly asHost: HostFrames | undefined
  readonly owner: ReceiversOwner
}

/**
 * Hands a frame of the host to its receiver.
 *
 * @param table of this session
 * @throws ProtocolError
 */
export function receiveFrame(
  kind: FrameKind,
  body: ByteReader,
  table: ReadingTable,
  { inboxes, calls, outbox, asHost, owner }: Receivers,
): void {
  switch (kind) {
    case FrameKind.Ack:
      return
    case FrameKind.Deliver:
      return inboxes.deliver(new DeliverReader(body, table, asHost?.blockOf?.(body.bytes)))
    case FrameKind.Outcome:
      return outbox.outcome(decodeOutcome(body))
    case FrameKind.Synced:
      return inboxes.synced(decodeSync(body))
    case FrameKind.Reply:
      return calls.answered(decodeReply(body))
    case FrameKind.Ended: {
      const { subscription, error } = decodeEnded(body)
      return inboxes.ended(subscription, error === undefined ? undefined : fromWireError(error))
    }
    case FrameKind.Lapsed:
      return inboxes.lapsed(decodeLapse(body))
    case FrameKind.Notice:
      return owner.report(fromWireError(decodeNotice(body)))
    case FrameKind.Gap:
      return owner.missed(decodeGap(body))
    case FrameKind.Books:
      calls.call('books', inboxes.books(decodeSync(body))).catch(() => undefined)
      return
    case FrameKind.Rules:
      return inboxes.ruled(decodeRules(decodeValue(body)))
    case FrameKind.Named:
      return inboxes.joined(decodeNamed(decodeValue(body)))
    case FrameKind.Unwritten:
      return inboxes.sent.unwrittenThrough(decodeUnwritten(body))
    case FrameKind.Interest:
    case FrameKind.Hosts:
    case FrameKind.Ask:
      if (asHost === undefined) throw broken(`of kind ${kind} is for hosts only`)
      return asHost.frame(kind, body)
    case FrameKind.Bye:
    case FrameKind.Publish:
    case FrameKind.Settle:
    case FrameKind.Leave:
    case FrameKind.Sync:
    case FrameKind.Call:
      throw broken(`of kind ${kind} is for hosts only`)
  }
}
