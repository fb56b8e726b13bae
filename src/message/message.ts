import { Envelope, type Headers } from './envelope.js'
import { Encoding } from '../codec/encoding.js'
import { RefusedByConsumerError, TakenAwayError, type MsgvanError } from '../errors.js'
import { readBody } from './envelope-body.js'
import { partsOf } from './message-id.js'
import { keyIn } from './order/key.js'
import { respondersPattern } from './pattern.js'
import { checkNack } from './retry-delay.js'

/**
 * Takes the verdict on a delivery: the broker's own member in one process, the client's inbox over a link. Each verb
 * settles at most once and returns whether it did: false when the delivery was settled before or taken away since.
 */
export interface Settler {
  /** The subscriber's pattern, for `message.match`. */
  readonly pattern: RegExp | string
  /** Milliseconds within which a delivery must be settled or extended; 0: no limit. */
  readonly ackTimeout: number
  ack(message: Message): boolean
  /** Counts as a failure. `delay` (ms) overrides the subscription's own; 0 puts the message first in the queue. */
  fail(message: Message, error: unknown, retry?: RetryRule): boolean
  /** Straight to the dead letters. */
  reject(message: Message, reason: unknown): boolean
  /**
   * Back to the van, uncounted: the subscriber went away, and the message did nothing wrong. `untouched`: the
   * subscriber never saw it. So the next delivery is not a redelivery, unless other consumers may have later messages.
   * `isAbandoned`: a loop left it in hand, and too many loops make it a dead letter.
   */
  release(message: Message, untouched?: boolean, isAbandoned?: boolean): boolean
  /**
   * Work on a claimed message begins now. Until then it only waited: its consumer's death is not its failure, and
   * `ackTimeout` does not run.
   */
  begin(message: Message): void
  /** Work on the message goes on: `ackTimeout` starts anew. */
  extend(message: Message): void
  /**
   * Called before work begins on messages that waited: after a standstill of this process, another consumer may have
   * them. Resolves when that is known; undefined: the verdict counts. A settler without this method never has any.
   */
  inDoubt?(): Promise<void> | undefined
  /** For an error that no call could report. */
  report?(error: MsgvanError): void
  /** Its deliveries are worked on there. */
  worksIn?(places: Places): void
}

/** Operators down the pipeline settle the message, not the return of `next()`. */
export interface Claimed {
  /** `next()` has returned. */
  nextReturned(): void
  /** No operator has begun its work. */
  readonly isWaiting: boolean
  /** The delivery is no longer this consumer's: the work on it ends. */
  takenAway(): void
}

/** The places of an operator that works on a limited number of messages at once. */
export interface Places {
  readonly free: number
  /** Messages of this consumer that wait for a free place. */
  readonly waiting: number
}

/** The options of `nack` and `handle` for the next attempt. They override the subscription's own rules. */
export interface RetryRule {
  /** Milliseconds until the next attempt. */
  readonly delay?: number
  /** Total tries. */
  readonly attempts?: number
}

/** The data of a message: the fields that a spread, a clone or JSON of it has. */
export type MessageFields<P = unknown> = Pick<
  Message<P>,
  'id' | 'topic' | 'payload' | 'headers' | 'timestamp' | 'attempt' | 'redelivered'
>

/**
 * One delivery of one published message to one subscription.
 *
 * Settle it once: `ack()` (done), `nack()` (try again), `reject()` (give up, keep it as a dead letter). With `ack:
 * 'auto'` msgvan does that when `next()` returns. Treat the payload as immutable: inside one process all subscribers
 * share it; across processes each delivery has a fresh copy.
 *
 * `{ ...message }`, `structuredClone(message)` and `JSON.stringify(message)` have its data, from `id` to `redelivered`.
 * They have neither `key`, which their headers have, nor `match` nor the verbs: only the message itself can be settled.
 *
 * @example
 * bus.topic('jobs', { name: 'workers', ack: 'manual' }).subscribe(message => {
 *   if (work(message.payload)) message.ack()
 *   else message.nack({ delay: 1_000 })
 * })
 */
export class Message<P = unknown> {
  /** Made on demand for a message that goes straight to its consumer. */
  #envelope: Envelope | undefined
  readonly #settler: Settler
  #tag: unknown
  #claim: Claimed | undefined
  /** Of its signal, once that was read. A signal that was not read has its reason here, once it is aborted. */
  #abort: AbortController | MsgvanError | undefined
  /** Unique in the van; the same at every redelivery. */
  readonly id: string
  readonly topic: string
  /**
   * @throws UnreadablePayloadError if the received bytes are not a payload. That fails the delivery, as any throw does.
   */
  readonly payload: P
  readonly headers: Headers
  /** The time of its publish: milliseconds since the epoch, by the publisher's clock. */
  readonly timestamp: number
  /** 1 + the failures so far of this message in this subscription. */
  readonly attempt: number
  /** It was handed out before: to this subscriber or another of the same name. */
  readonly redelivered: boolean

  private constructor(
    envelope: Envelope | undefined,
    id: string,
    topic: string,
    payload: unknown,
    headers: Headers,
    timestamp: number,
    settler: Settler,
    attempt: number,
    redelivered: boolean,
    tag: unknown,
  ) {
    this.#envelope = envelope
    this.#settler = settler
    this.#tag = tag
    this.id = id
    this.topic = topic
    this.payload = payload as P
    this.headers = headers
    this.timestamp = timestamp
    this.attempt = attempt
    this.redelivered = redelivered
  }

  static {
    // A first message without a time has V8 point to later times, rather than copy each into a box of its own.
    const noTime = undefined as unknown as number
    new Message(undefined, '', '', undefined, {}, noTime, {} as Settler, 1, false, undefined)
  }

  /**
   * @internal One delivery of an envelope. `tag` is the settler's own note on this delivery. `open` adds the `id` and
   * the `payload` of a message in bytes.
   */
  static of(
    envelope: Envelope,
    settler: Settler,
    attempt: number,
    redelivered: boolean,
    tag: unknown,
  ): Message {
    const { topic, headers, timestamp } = envelope
    // In one process its app is next; messages in other encodings may go to another process first.
    const isHere = envelope.encoding === Encoding.Value
    const id = isHere ? envelope.id : ''
    const payload = isHere ? envelope.content : undefined
    return new Message(envelope, id, topic, payload, headers, timestamp, settler, attempt, redelivered, tag)
  }

  /** @internal The first delivery of a message that goes straight from its publisher to one consumer in the same process. */
  static straight(
    id: string,
    topic: string,
    payload: unknown,
    headers: Headers,
    timestamp: number,
    settler: Settler,
    tag: unknown,
  ): Message {
    return new Message(undefined, id, topic, payload, headers, timestamp, settler, 1, false, tag)
  }

  /** Its key: that of its publish, in the header `partitionkey`. Undefined: it has none. */
  get key(): string | undefined {
    return keyIn(this.headers)
  }

  /** The match of the subscription's RegExp, for its groups; null for a subscription to one exact topic. */
  get match(): RegExpExecArray | null {
    const { pattern: subscribed } = this.#settler
    const pattern = respondersPattern(subscribed) ?? subscribed
    if (typeof pattern === 'string') return null
    pattern.lastIndex = 0
    return pattern.exec(this.topic)
  }

  /**
   * Aborts when the delivery is no longer this consumer's: its `ackTimeout` has passed, the consumer has unsubscribed,
   * the name was removed, the session in the host is lost, or the asker is gone. The reason is a TakenAwayError. Your own
   * verdict does not abort it. It is made when you first read it.
   *
   * @example
   * bus.topic('jobs').pipe(handle(message => fetch(url, { signal: message.signal })))
   */
  get signal(): AbortSignal {
    const known = this.#abort
    if (known instanceof AbortController) return known.signal
    const made = (this.#abort = new AbortController())
    if (known !== undefined) made.abort(known)
    return made.signal
  }

  /** Done. False if this delivery was settled before, or taken away since. */
  ack(): boolean {
    return this.#settler.ack(this)
  }

  /**
   * Failed: try again, after `delay` milliseconds (default: the subscription's `delay`). Counts against `attempts`.
   * False if this delivery was settled before, or taken away since.
   *
   * @throws InvalidOptionError and settles nothing
   */
  nack(options: { delay?: number } = {}): boolean {
    const rule = checkNack(options)
    return this.#settler.fail(this, new RefusedByConsumerError('nack() by the subscriber'), rule)
  }

  /** Give up: it becomes a dead letter with this reason. False if this delivery was settled before, or taken away since. */
  reject(reason?: unknown): boolean {
    return this.#settler.reject(this, reason ?? new RefusedByConsumerError('reject() by the subscriber'))
  }

  toJSON(): MessageFields<P> {
    const { id, topic, payload, headers, timestamp, attempt, redelivered } = this
    return { id, topic, payload, headers, timestamp, attempt, redelivered }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): unknown {
    return this.toJSON()
  }

  /** @internal */
  static envelopeOf(message: Message): Envelope {
    return (message.#envelope ??= message.#enclosed())
  }

  /** @internal Bytes of its payload, as far as known. */
  static sizeOf(message: Message): number {
    return message.#envelope?.size ?? 0
  }

  /** @internal It waits for its verdict: its memory counts, if it came in bytes. */
  static hold(message: Message): void {
    message.#envelope?.hold()
  }

  /** @internal It has its verdict. */
  static release(message: Message): void {
    message.#envelope?.release()
  }

  /** @internal Its bytes are at another place in memory. */
  static move(message: Message, envelope: Envelope): void {
    message.#envelope = envelope
  }

  /** @internal */
  static settlerOf(message: Message): Settler {
    return message.#settler
  }

  /**
   * @internal The settler's own note on this delivery.
   */
  static tagOf(message: Message): unknown {
    return message.#tag
  }

  /** @internal */
  static tag(message: Message, tag: unknown): void {
    message.#tag = tag
  }

  /**
   * @internal Only for `Claim`. Work on a claimed message begins with `begin`.
   */
  static claim(message: Message, claim: Claimed): void {
    message.#claim = claim
  }

  /** @internal The first claim. */
  static claimOf(message: Message): Claimed | undefined {
    return message.#claim
  }

  /** @internal */
  static isClaimed(message: Message): boolean {
    return message.#claim !== undefined
  }

  /** @internal Aborts its signal. */
  static abort(message: Message, reason: MsgvanError): void {
    if (message.#abort instanceof AbortController) message.#abort.abort(reason)
    else message.#abort ??= reason
  }

  /** @internal It has no `id` and no `payload` yet. */
  static isClosed(message: Message): boolean {
    return message.#envelope !== undefined && message.id === ''
  }

  /**
   * @internal Called before an app sees it: a host that passes a message on needs neither its id nor its payload as a
   * value. Bytes that are not a payload fail the reader of `payload`, not the delivery.
   */
  static open(message: Message): void {
    open(message, Message.envelopeOf(message))
  }

  #enclosed(): Envelope {
    const { publisher, sequence } = partsOf(this.id)
    return new Envelope(
      publisher,
      sequence,
      this.topic,
      this.headers,
      this.timestamp,
      this.payload,
      0,
      Encoding.Value,
    )
  }
}

/** A message that msgvan itself may change. */
interface Writable {
  id: string
  payload: unknown
  topic: string
  headers: Headers
  attempt: number
  redelivered: boolean
}

type RequestView = Pick<Message, 'topic' | 'headers' | 'attempt' | 'redelivered'>

function open(message: Writable, envelope: Envelope): void {
  message.id = envelope.id
  try {
    message.payload = readBody(envelope)
  } catch (error) {
    const get = (): never => {
      throw error
    }
    Object.defineProperty(message, 'payload', { get, enumerable: true, configurable: true })
  }
}

/** It waits inside an operator for its turn. */
export function isWaiting(message: Message): boolean {
  return Message.claimOf(message)?.isWaiting === true
}

export const PAUSED = 'its subscription is paused'

/** Replaces the payload by the output of a schema or a middleware. */
export function replacePayload(message: Message, payload: unknown): void {
  // The next attempt has the publisher's own payload.
  Message.envelopeOf(message)
  const writable: Writable = message
  // An unreadable payload is a getter.
  if (Object.getOwnPropertyDescriptor(message, 'payload')?.get === undefined) writable.payload = payload
  else Object.defineProperty(message, 'payload', { value: payload, enumerable: true, writable: true })
}

/** Replaces the headers by those of a middleware. */
export function replaceHeaders(message: Message, headers: Headers): void {
  Message.envelopeOf(message)
  const writable: Writable = message
  writable.headers = headers
}

/** These deliveries are no longer their consumer's. Call it last: it runs an app's code. */
export function takeAway(messages: readonly Message[], why: string): void {
  if (messages.length === 0) return
  const reason = new TakenAwayError(`The delivery is no longer this consumer's: ${why}.`)
  for (const message of messages) {
    Message.abort(message, reason)
    Message.claimOf(message)?.takenAway()
  }
}

/** The message of a request, as its responder sees it. */
export function asRequest(message: Message, seen: RequestView): void {
  // What goes back to the van keeps its own topic.
  Message.envelopeOf(message)
  const writable: Writable = message
  writable.topic = seen.topic
  writable.headers = seen.headers
  writable.attempt = seen.attempt
  writable.redelivered = seen.redelivered
}
