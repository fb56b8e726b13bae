import type { Consumer } from '../../../bus/contract/broker.js'
import { describe, MsgvanError } from '../../../errors.js'
import { RepeatedEnvelope } from '../../../message/envelope.js'
import { Message } from '../../../message/message.js'
import type { HostRef } from '../../../bus/contract/hosts.js'
import type { ReachingVan } from '../contract/reaching-van.js'
import { mayPass } from '../may-pass.js'
import type { Seen } from './seen.js'

export interface FollowerIntakeOptions {
  readonly van: ReachingVan
  readonly seen: Seen
  /** The host that they come from. */
  readonly from: HostRef
  readonly failed: (error: MsgvanError) => void
  readonly warn: (text: string) => void
}

/** Messages that are on the disk at the same moment. */
interface Batch {
  readonly kept: Promise<void>
  readonly messages: Message[]
}

/**
 * After this time the leader hands a message out again that this host had no room for; in a row each wait is twice as
 * long, up to the second one.
 */
const TAKE_AGAIN_MS = 1_000
const LONGEST_TAKE_AGAIN_MS = 10_000

/**
 * Takes in messages of the leader, which keeps each until it is accepted here, and on the disk if this host has a
 * store.
 */
export class FollowerIntake implements Consumer {
  readonly #options: FollowerIntakeOptions
  #batch: Batch | undefined
  #againMs = TAKE_AGAIN_MS

  constructor(options: FollowerIntakeOptions) {
    this.#options = options
  }

  next(message: Message): void {
    const { van, seen, from } = this.#options
    const envelope = Message.envelopeOf(message)
    if (seen.isRepeated(envelope)) return this.#ackOnceKept(message)
    // It was refused here before, or a former leader sent it: subscriptions here may have it.
    const own = message.redelivered ? envelope.as(RepeatedEnvelope) : envelope
    const held = van.acceptFrom(from, own, false)
    if (held === undefined) return this.#ackOnceKept(message)
    if (held instanceof MsgvanError) return this.#notTaken(message, held)
    held.then(
      () => this.#ackOnceKept(message),
      (error: unknown) => this.#notTaken(message, error),
    )
  }

  error(error: MsgvanError): void {
    this.#options.failed(error)
  }

  complete(): void {
    // The leader has left: the link reports it.
  }

  #ackOnceKept(message: Message): void {
    const kept = this.#options.van.kept()
    if (kept === undefined) return void message.ack()
    if (this.#batch?.kept === kept) return void this.#batch.messages.push(message)
    const messages = [message]
    this.#batch = { kept, messages }
    const end = (settle: (each: Message) => unknown, againMs: number): void => {
      if (this.#batch?.messages === messages) this.#batch = undefined
      for (const each of messages) settle(each)
      this.#againMs = againMs
    }
    kept.then(
      () => end(each => each.ack(), TAKE_AGAIN_MS),
      (error: unknown) =>
        end(each => this.#notTaken(each, error), Math.min(2 * this.#againMs, LONGEST_TAKE_AGAIN_MS)),
    )
  }

  /** When this host has room, the leader still has the message, if it may have room then. */
  #notTaken(message: Message, error: unknown): void {
    const envelope = Message.envelopeOf(message)
    if (mayPass(error)) {
      this.#options.seen.refuse(envelope)
      message.nack({ delay: this.#againMs })
      return
    }
    message.ack()
    this.#options.warn(
      `a message on ${envelope.topic} could not be taken from the leader: ${describe(error)}`,
    )
  }
}
