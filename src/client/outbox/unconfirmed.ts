import { Message } from '../../message/message.js'
import { MOST_VERDICTS, type KeptVerdict } from '../../wire/frames/kept-verdicts.js'

/** What was said of a delivery, if more than that it is done. */
type Saying = Pick<KeptVerdict, 'verdict' | 'error' | 'delay' | 'attempts'>

const ACK: Saying = { verdict: 'ack' }

/** Deliveries of one subscription that are settled, until the host has the verdicts for good: else the next session says them again. */
export class Unconfirmed {
  #messages: Message[] = []
  /** What was said of those that were not acked: very few. */
  readonly #sayings = new Map<Message, Saying>()
  /** Frames on their way, each with how many verdicts it took along. */
  #frames: { readonly number: number; readonly count: number }[] = []
  /** In frames on their way. */
  #sent = 0

  add(message: Message, saying?: Saying): void {
    // A dead letter that was replayed: no host takes a verdict on a delivery before for one on this.
    if (Message.envelopeOf(message).isReplayed) return
    this.#messages.push(message)
    if (saying !== undefined) this.#sayings.set(message, saying)
    if (this.#messages.length >= 4 * MOST_VERDICTS) this.#forgetOldest()
  }

  /** All so far is in this frame. */
  sent(frame: number): void {
    const count = this.#messages.length - this.#sent
    if (count === 0) return
    this.#frames.push({ number: frame, count })
    this.#sent += count
  }

  /** The host is done with all frames up to this one. */
  confirmed(frame: number): void {
    let done = 0
    let count = 0
    for (const sent of this.#frames) {
      if (sent.number > frame) break
      done += 1
      count += sent.count
    }
    if (done === 0) return
    this.#frames.splice(0, done)
    this.#sent -= count
    this.#forget(count)
  }

  take(): KeptVerdict[] {
    const verdicts = this.#messages.map((message): KeptVerdict => {
      const { publisher, sequence } = Message.envelopeOf(message)
      return { publisher, sequence, attempt: message.attempt, ...(this.#sayings.get(message) ?? ACK) }
    })
    this.#messages = []
    this.#sayings.clear()
    this.#frames = []
    this.#sent = 0
    return verdicts
  }

  /** So long has nobody confirmed anything that not all is kept: what is forgotten may come again. */
  #forgetOldest(): void {
    const verdicts = this.#messages.length - MOST_VERDICTS
    this.#forget(verdicts)
    this.#frames = []
    this.#sent = 0
  }

  #forget(count: number): void {
    const gone = this.#messages.splice(0, count)
    if (this.#sayings.size > 0) for (const message of gone) this.#sayings.delete(message)
  }
}
