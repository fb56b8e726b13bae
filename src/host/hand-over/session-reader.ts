import type { Subscription } from '../../broker/subscription/subscription.js'
import type { ByteReader } from '../../codec/byte-reader.js'
import type { Fields } from '../../wire/frames/fields.js'
import type { FrameKind } from '../../wire/frames/frames.js'
import { decodeSight } from '../../wire/frames/sight.js'
import { decodePattern, decodeRequest } from '../../wire/frames/subscription-request.js'
import type { RetainedFrame } from '../../wire/link.js'
import type { RemoteConsumer } from '../session/consumers/remote-consumer.js'
import type { SessionTransfer } from '../session/session-transfer.js'
import type { Session, SessionState } from '../session/session.js'
import type { Van } from '../van/van.js'
import type { OwedReader } from './owed-reader.js'
import { consumerStateOf } from './read-fields.js'

export interface SessionReaderOptions {
  readonly state: SessionState
  readonly sessions: SessionTransfer
  readonly owed: OwedReader
  /** False: its client speaks another protocol, or may not come in any more. Its messages go to others. */
  readonly isKept: boolean
}

/** A client's place in a subscription of the file. */
interface Place {
  readonly owed: Subscription | undefined
  readonly consumer: RemoteConsumer | undefined
}

/** Reads the records of one session. It is made when its frames are there. */
export class SessionReader {
  readonly #options: SessionReaderOptions
  readonly #van: Van
  readonly #frames: RetainedFrame[] = []
  readonly #places = new Map<number, Place>()
  readonly #left: RemoteConsumer[] = []
  #session: Session | undefined
  #isBegun = false

  constructor(options: SessionReaderOptions) {
    this.#options = options
    this.#van = options.sessions.van(options.state.van)
  }

  /** The session. Undefined: frames of it are missing, or it does not continue here. */
  get session(): Session | undefined {
    return this.#session
  }

  frame(reader: ByteReader): void {
    const kind = reader.u8() as FrameKind
    const ackedBefore = reader.varint()
    this.#frames.push({ kind, ackedBefore, bytes: reader.raw(reader.remaining) })
  }

  consumer(fields: Fields): void {
    const session = this.#begun()
    const { place, ...state } = consumerStateOf(fields)
    if (fields.has('request')) {
      if (session === undefined) return
      const request = decodeRequest(fields.get('request'))
      session.consumers.restore(place, state, request, consumer =>
        this.#van.home(request).consume(request, consumer),
      )
      // The client's messages are on their way to another client.
      if (state.last > 0) session.consumers.lapsed(place, state.last)
      return
    }
    const owed = this.#options.owed.find(fields.whole('number'))
    if (owed === undefined || session === undefined) {
      this.#places.set(place, { owed, consumer: undefined })
      return
    }
    const pattern = decodePattern(fields.get('pattern'))
    const request = { ...owed.rules, pattern, prefetch: fields.whole('prefetch', 1) }
    const sight = fields.optional('sight', key => decodeSight(fields.get(key)))
    const consumer = session.consumers.restore(
      place,
      state,
      request,
      each => this.#van.broker.transfer.join(owed, request, each),
      sight && session.consumers.views.viewFor(sight),
    )
    if (session.follower !== undefined && request.name !== undefined)
      session.consumers.name(place, request.name)
    this.#places.set(place, { owed, consumer })
    if (state.hasLeft) this.#left.push(consumer)
  }

  /**
   * A client's messages stay with it. If the client does not continue, they go to the others, and were handed out once.
   */
  held(reader: ByteReader): void {
    const messages = this.#options.owed
    const { owed, consumer } = this.#places.get(reader.varint()) ?? {}
    const place = consumer?.joined && this.#van.broker.transfer.placeOf(consumer.joined)
    const travelling = messages.read(reader)
    if (consumer === undefined || place === undefined) return messages.owe(owed, travelling)
    for (const { item: travelled, number = 0 } of travelling) {
      const item = owed?.takenIn(travelled)
      if (item === undefined) continue
      consumer.restoreOpen(number, place.holds(item))
      messages.count()
    }
  }

  follower(fields: Fields): void {
    const session = this.#begun()
    if (session === undefined) return
    const { place, ...state } = consumerStateOf(fields)
    session.follower = this.#options.sessions.admit(session, place, fields)
    const consumer = session.consumers.get(place)
    consumer?.restore(state)
    this.#places.set(place, { owed: this.#van.broker.transfer.queueOf(session.follower.relay), consumer })
  }

  /** @returns whether it continues here */
  end(): boolean {
    const session = this.#begun()
    if (session === undefined) return false
    for (const consumer of this.#left) consumer.restoreLeft()
    this.#options.sessions.await(session)
    return true
  }

  /** When all of its frames are there. */
  #begun(): Session | undefined {
    const { isKept, sessions, state } = this.#options
    if (!this.#isBegun && isKept) this.#session = sessions.resume(state, this.#frames)
    this.#isBegun = true
    return this.#session
  }
}
