import { newId } from '../message/new-id.js'
import { Envelope, type Headers } from '../message/envelope.js'
import type { Encoding } from '../codec/encoding.js'
import { StretchClock } from './clock/stretch-clock.js'

/** Makes the envelopes of one publisher: numbered, and with the time of day. */
export class MessageFactory {
  readonly #publisher = newId()
  readonly #clock: StretchClock
  #sequence = 0

  /** @param wallClock default: the machine's */
  constructor(wallClock: (() => number) | undefined) {
    this.#clock = new StretchClock(wallClock)
  }

  now(): number {
    return this.#clock.read()
  }

  envelope(topic: string, headers: Headers, body: unknown, size: number, encoding: Encoding): Envelope {
    this.#sequence += 1
    return new Envelope(
      this.#publisher,
      this.#sequence,
      topic,
      headers,
      this.#clock.read(),
      body,
      size,
      encoding,
    )
  }
}
