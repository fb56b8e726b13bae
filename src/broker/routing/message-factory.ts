import { newId } from '../../message/new-id.js'
import { Envelope, type Headers } from '../../message/envelope.js'
import { IdStretch, STRETCH } from '../../message/message-id.js'
import { Message, type Settler } from '../../message/message.js'
import type { Encoding } from '../../codec/encoding.js'
import { StretchClock } from '../clock/stretch-clock.js'

/** Makes the messages of one publisher: numbered from 1, with a timestamp. */
export class MessageFactory {
  readonly #publisher: string
  readonly #clock: StretchClock
  #stretch: IdStretch
  #place = 0

  /**
   * @param wallClock default: the machine's
   * @param prefix of the publisher
   */
  constructor(wallClock: (() => number) | undefined, prefix = '') {
    this.#publisher = prefix + newId()
    this.#stretch = new IdStretch(this.#publisher, 0)
    this.#clock = new StretchClock(wallClock)
  }

  now(): number {
    return this.#clock.read()
  }

  envelope(topic: string, headers: Headers, body: unknown, size: number, encoding: Encoding): Envelope {
    const place = this.#next()
    const sequence = this.#stretch.number * STRETCH + place
    return new Envelope(this.#publisher, sequence, topic, headers, this.#clock.read(), body, size, encoding)
  }

  /** Makes a message that goes straight to `settler`, its only consumer: it needs no envelope. */
  message(topic: string, headers: Headers, payload: unknown, settler: Settler, tag: unknown): Message {
    const place = this.#next()
    const id = this.#stretch.beginning + (this.#stretch.ends[place] as string)
    return Message.straight(id, topic, payload, headers, this.#clock.read(), settler, tag)
  }

  #next(): number {
    this.#place += 1
    if (this.#place === STRETCH) {
      this.#stretch = new IdStretch(this.#publisher, this.#stretch.number + 1)
      this.#place = 0
    }
    return this.#place
  }
}
