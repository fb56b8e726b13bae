import { Message } from '../../../message/message.js'
import { MOST_VERDICTS, type KeptVerdict } from '../../../wire/frames/kept-verdicts.js'

/** A verdict that is more than an ack. */
export type Failing =
  | { readonly verdict: 'reject'; readonly error: string }
  | {
      readonly verdict: 'fail'
      readonly error: string
      readonly delay: number | undefined
      readonly attempts: number | undefined
    }

const ACK: Pick<KeptVerdict, 'verdict'> = { verdict: 'ack' }

/** Settled deliveries of one subscription whose verdicts the host has not confirmed. The next session sends them again. */
export class Unconfirmed {
  #messages: Message[] = []
  /** The few that were not acked. */
  readonly #failings = new Map<Message, Failing>()
  /** Frames on their way, each with its number of verdicts. */
  #frames: { readonly number: number; readonly count: number }[] = []
  /** Verdicts in frames on their way. */
  #sent = 0

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  add(message: Message, failing?: Failing): void {
    // A replayed dead letter: its id has earlier deliveries, so no host would take this verdict in the next session.
    if (Message.envelopeOf(message).isRedriven) return
    this.#messages.push(message)
    if (failing !== undefined) this.#failings.set(message, failing)
    if (this.#messages.length >= 4 * MOST_VERDICTS) this.#forgetOldest()
  }

  /** Everything so far is in this frame. */
  sent(frame: number): void {
    const count = this.#messages.length - this.#sent
    if (count === 0) return
    this.#frames.push({ number: frame, count })
    this.#sent += count
  }

  /** The host has handled all frames up to this one. @returns how many verdicts were in them */
  confirmed(frame: number): number {
    let done = 0
    let count = 0
    for (const sent of this.#frames) {
      if (sent.number > frame) break
      done += 1
      count += sent.count
    }
    if (done === 0) return 0
    this.#frames.splice(0, done)
    this.#sent -= count
    this.#forget(count)
    return count
  }

  take(): KeptVerdict[] {
    const verdicts = this.#messages.map((message): KeptVerdict => {
      const { publisher, sequence } = Message.envelopeOf(message)
      return { publisher, sequence, attempt: message.attempt, ...(this.#failings.get(message) ?? ACK) }
    })
    this.#messages = []
    this.#failings.clear()
    this.#frames = []
    this.#sent = 0
    return verdicts
  }

  /** Without a confirmation the list has grown too long. The messages of forgotten verdicts may come again. */
  #forgetOldest(): void {
    this.#forget(this.#messages.length - MOST_VERDICTS)
    this.#frames = []
    this.#sent = 0
  }

  #forget(count: number): void {
    const gone = this.#messages.splice(0, count)
    if (this.#failings.size > 0) for (const message of gone) this.#failings.delete(message)
  }
}
