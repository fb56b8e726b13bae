import { Observable } from 'rxjs/internal/Observable'
import { describe, MsgvanError, ObservationLostError, OverflowError, SubscriberError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import { mostPayloadBytes } from '../../codec/payload.js'
import { crossing, type Crossing } from '../actors/crossing-error.js'
import { CODE, FROM, type ReplyInbox } from '../actors/reply-inbox.js'
import { guardTeardown } from '../topic/guarding.js'
import { errorsIn } from '../../operators/rxjs-internals.js'
import { COUNT, KIND, LOOKS_GONE, STREAM, type StreamKind } from './stream-messages.js'

/** The number of messages to one bus that may be on their way at once. A slow bus slows its streams down. */
const WINDOW = 256
/** Small values share one message of at most this size. */
const BATCH_BYTES = 8 * 1024
/** The same limit as `maxPending` of a subscription. */
const MAX_WAITING = 100_000

/** One call of `expose()`. */
export interface Exposure {
  readonly name: string
}

/** One observation, on the side that exposes it. */
interface Stream {
  readonly id: string
  readonly exposure: Exposure
  /** Unsubscribes its source. */
  stop: () => void
  /** The number of sent values. */
  count: number
  hasEmitted: boolean
  /** Its source has ended, or its values are not wanted any more. */
  isOver: boolean
}

interface Outgoing {
  readonly stream: Stream
  readonly kind: StreamKind
  readonly payload: unknown
  readonly code?: string | undefined
}

/** A bus that observes exposures of this one: its streams, and the queue of messages for it. */
export class ObservingBus {
  readonly #inbox: ReplyInbox
  readonly #report: (error: MsgvanError) => void
  readonly #streams = new Map<string, Stream>()
  #waiting: Outgoing[] = []
  #next = 0
  #underWay = 0
  #isScheduled = false
  /** The last `running` message is still on its way. */
  #isInforming = false
  #wasGone = false
  #looksGone = 0

  constructor(
    readonly address: string,
    inbox: ReplyInbox,
    report: (error: MsgvanError) => void,
  ) {
    this.#inbox = inbox
    this.#report = report
  }

  get isDone(): boolean {
    return this.#streams.size === 0
  }

  has(id: string): boolean {
    return this.#streams.has(id)
  }

  begin(id: string, exposure: Exposure, source$: Observable<unknown>): void {
    // A repeated request: the stream exists.
    if (this.#streams.has(id)) return
    const stop = (): void => undefined
    const stream: Stream = { id, exposure, stop, count: 0, hasEmitted: false, isOver: false }
    this.#streams.set(id, stream)
    // So that even its very first values can stop it.
    const stoppable$ = new Observable(subscriber => {
      guardTeardown(subscriber, error => this.#threw(stream, error))
      stream.stop = () => subscriber.unsubscribe()
      return source$.subscribe(subscriber)
    })
    stoppable$.subscribe({
      next: value => {
        stream.hasEmitted = true
        this.#emit(stream, value)
      },
      error: (error: unknown) => this.#fail(stream, error),
      complete: () => this.#end(stream, { stream, kind: 'done', payload: undefined }),
    })
    if (!stream.hasEmitted && !stream.isOver) this.#push({ stream, kind: 'begun', payload: undefined })
  }

  /** The observer does not want its values any more. */
  cancel(id: string): void {
    const stream = this.#streams.get(id)
    if (stream !== undefined) this.#drop(stream)
  }

  /** This name is not exposed any more. */
  withdraw(exposure: Exposure): void {
    for (const stream of [...this.#streams.values()]) {
      if (stream.exposure !== exposure) continue
      this.#fail(
        stream,
        new ObservationLostError(
          `${JSON.stringify(stream.exposure.name)} is not exposed any more: the exposure was withdrawn, or its bus closed.`,
        ),
      )
    }
  }

  /** The van does not find that bus. */
  gone(): void {
    this.#wasGone = true
  }

  /**
   * Called from time to time: sends which streams run.
   *
   * @returns false if the bus is gone
   */
  look(): boolean {
    this.#looksGone = this.#wasGone ? this.#looksGone + 1 : 0
    this.#wasGone = false
    if (this.#looksGone >= LOOKS_GONE) {
      for (const stream of [...this.#streams.values()]) this.#drop(stream)
      return false
    }
    // The queued messages contain the same news.
    if (this.#waiting.length === 0) this.sendRunning()
    return true
  }

  /** Sends the waiting messages now. */
  flush(): void {
    this.#send()
  }

  /** Sends which streams run here for it. One message at a time: without a connection they would pile up. */
  sendRunning(): void {
    if (this.#isInforming) return
    this.#isInforming = true
    const running = [...this.#streams.values()].map(({ id, count }) => [id, count])
    this.#inbox
      .post(this.address, running, {
        [KIND]: 'running' satisfies StreamKind,
        [FROM]: this.#inbox.address,
      })
      .catch(() => undefined)
      .finally(() => {
        this.#isInforming = false
      })
  }

  #emit(stream: Stream, value: unknown): void {
    if (stream.isOver) return
    if (this.#waiting.length - this.#next < MAX_WAITING) {
      this.#push({ stream, kind: 'next', payload: value })
      return
    }
    this.#fail(
      stream,
      new OverflowError(
        `${MAX_WAITING} values of ${JSON.stringify(stream.exposure.name)} wait for an observer, which is the limit. Emit fewer at once, or thin them out (sample, bufferTime).`,
      ),
    )
  }

  #fail(stream: Stream, error: unknown): void {
    const code = error instanceof MsgvanError ? error.code : undefined
    this.#end(stream, { stream, kind: 'error', payload: crossing(error), code })
  }

  #end(stream: Stream, last: Outgoing): void {
    if (stream.isOver) return
    this.#stop(stream)
    this.#push(last)
  }

  #stop(stream: Stream): void {
    stream.isOver = true
    try {
      stream.stop()
    } catch (error) {
      for (const each of errorsIn(error)) this.#threw(stream, each)
    }
  }

  /** Its teardown threw: a fault of the app. */
  #threw({ exposure: { name } }: Stream, error: unknown): void {
    const text = `The observable ${JSON.stringify(name)} threw when it was unsubscribed: ${describe(error)}`
    this.#report(new SubscriberError(text, undefined, error))
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream.id)
    this.#stop(stream)
    this.#unsend(stream)
  }

  #unsend(stream: Stream): void {
    this.#waiting = this.#waiting.slice(this.#next).filter(item => item.stream !== stream)
    this.#next = 0
  }

  /** Values of one turn go out together. */
  #push(item: Outgoing): void {
    this.#waiting.push(item)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#send()
    })
  }

  #send(): void {
    while (this.#underWay < WINDOW) {
      const item = this.#waiting[this.#next]
      if (item === undefined) break
      const values = this.#valuesFrom(item)
      this.#next += Math.max(values.length, 1)
      if (values.length > 1) this.#sendOne({ stream: item.stream, kind: 'values', payload: values })
      else this.#sendOne(item)
    }
    if (this.#next < this.#waiting.length / 2) return
    this.#waiting = this.#waiting.slice(this.#next)
    this.#next = 0
  }

  /** The next values of this stream that fit into one message. Empty if the first one is large, or cannot cross. */
  #valuesFrom({ stream }: Outgoing): unknown[] {
    const values: unknown[] = []
    let room = BATCH_BYTES
    for (let at = this.#next; at < this.#waiting.length; at += 1) {
      const item = this.#waiting[at]
      if (item?.stream !== stream || item.kind !== 'next') break
      const size = sizeOf(item.payload)
      if (size < 0 || size > room) break
      room -= size
      values.push(item.payload)
    }
    return values
  }

  #sendOne(item: Outgoing): void {
    const { stream, kind, payload } = item
    const count = stream.count + (kind === 'next' ? 1 : kind === 'values' ? (payload as unknown[]).length : 0)
    try {
      const sent = this.#inbox.send(this.address, payload, this.#headersOf(item, count))
      this.#underWay += 1
      stream.count = count
      sent.then(
        () => this.#sent(),
        (error: unknown) => {
          this.#refused(item, error)
          this.#sent()
        },
      )
    } catch (error) {
      this.#refused(item, error)
      return
    }
    if (kind === 'done' || kind === 'error') this.#streams.delete(stream.id)
  }

  #sent(): void {
    this.#underWay -= 1
    this.#send()
  }

  #headersOf({ stream: { id }, kind, code }: Outgoing, count: number): Headers {
    const headers = { [STREAM]: id, [KIND]: kind, [COUNT]: String(count), [FROM]: this.#inbox.address }
    return code === undefined ? headers : { ...headers, [CODE]: code }
  }

  /** A value that cannot cross ends its stream. If an error cannot cross, only its text goes out. */
  #refused(item: Outgoing, error: unknown): void {
    const { stream, kind, payload } = item
    if ((kind === 'next' || kind === 'values') && this.#streams.has(stream.id)) {
      this.#unsend(stream)
      this.#stop(stream)
      const code = error instanceof MsgvanError ? error.code : undefined
      this.#push({ stream, kind: 'error', payload: crossing(error), code })
    } else if (kind === 'error' && (payload as Crossing).cause !== undefined) {
      this.#sendOne({ ...item, payload: { error: (payload as Crossing).error } })
    }
  }
}

/** An upper bound of its bytes; -1 if it cannot cross, which is reported when its turn comes. */
function sizeOf(value: unknown): number {
  try {
    return mostPayloadBytes(value)
  } catch {
    return -1
  }
}
