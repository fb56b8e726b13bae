import { Observable } from 'rxjs/internal/Observable'
import { describe, MsgvanError, ObservationLostError, OverflowError, SubscriberError } from '../../errors.js'
import type { Headers } from '../../message/envelope.js'
import { mostPayloadBytes } from '../../codec/payload.js'
import { crossing, type Crossing } from '../actors/crossing-error.js'
import { CODE, FROM, type ReplyInbox } from '../actors/reply-inbox.js'
import { COUNT, KIND, LOOKS_GONE, STREAM, type StreamLetter } from './stream-letters.js'

/** So many letters to one bus are on their way at once: a slow one is waited for. */
const WINDOW = 256
/** Of small values that wait so much goes into one letter. */
const BATCH_BYTES = 8 * 1024
/** As much as a subscription may have waiting. */
const MAX_WAITING = 100_000

/** One call of `expose()`. */
export interface Exposure {
  readonly name: string
}

/** One observation, as who exposes it sees it. */
interface Stream {
  readonly id: string
  readonly exposure: Exposure
  /** Unsubscribes its source. */
  stop: () => void
  /** Values that were sent. */
  count: number
  hasEmitted: boolean
  /** Nothing more is taken from its source. */
  isOver: boolean
}

interface Letter {
  readonly stream: Stream
  readonly kind: StreamLetter
  readonly payload: unknown
  readonly code?: string | undefined
}

/** A bus that observes what this one exposes: its streams, and what is to go there, in order. */
export class ObservingBus {
  readonly #letterbox: ReplyInbox
  readonly #report: (error: MsgvanError) => void
  readonly #streams = new Map<string, Stream>()
  #waiting: Letter[] = []
  #next = 0
  #underWay = 0
  #isScheduled = false
  /** A letter of a look is on its way. */
  #isTelling = false
  #wasGone = false
  #looksGone = 0

  constructor(
    readonly address: string,
    letterbox: ReplyInbox,
    report: (error: MsgvanError) => void,
  ) {
    this.#letterbox = letterbox
    this.#report = report
  }

  get isDone(): boolean {
    return this.#streams.size === 0
  }

  has(id: string): boolean {
    return this.#streams.has(id)
  }

  begin(id: string, exposure: Exposure, source$: Observable<unknown>): void {
    // One that comes twice is there.
    if (this.#streams.has(id)) return
    const stop = (): void => undefined
    const stream: Stream = { id, exposure, stop, count: 0, hasEmitted: false, isOver: false }
    this.#streams.set(id, stream)
    // To be stopped from within its very first values, too.
    const stoppable$ = new Observable(subscriber => {
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

  /** Nobody wants its values any more. */
  cancel(id: string): void {
    const stream = this.#streams.get(id)
    if (stream !== undefined) this.#drop(stream)
  }

  /** What is exposed by that name is not any more. */
  withdraw(exposure: Exposure): void {
    for (const stream of [...this.#streams.values()]) {
      if (stream.exposure !== exposure) continue
      this.#fail(
        stream,
        new ObservationLostError(
          `${JSON.stringify(stream.exposure.name)} is not exposed any more by who did: it was withdrawn, or its bus closed.`,
        ),
      )
    }
  }

  /** It is not to be found. */
  gone(): void {
    this.#wasGone = true
  }

  /** From time to time: says what runs. @returns false if nobody is there */
  look(): boolean {
    this.#looksGone = this.#wasGone ? this.#looksGone + 1 : 0
    this.#wasGone = false
    if (this.#looksGone >= LOOKS_GONE) {
      for (const stream of [...this.#streams.values()]) this.#drop(stream)
      return false
    }
    // What waits says as much.
    if (this.#waiting.length === 0) this.tell()
    return true
  }

  /** What waits is sent now. */
  flush(): void {
    this.#send()
  }

  /** What runs here for it. Not again before this has left: while there is no connection letters would gather. */
  tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    const running = [...this.#streams.values()].map(({ id, count }) => [id, count])
    this.#letterbox
      .post(this.address, running, {
        [KIND]: 'running' satisfies StreamLetter,
        [FROM]: this.#letterbox.address,
      })
      .catch(() => undefined)
      .finally(() => {
        this.#isTelling = false
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
        `${MAX_WAITING} values wait for who observes ${JSON.stringify(stream.exposure.name)}, as many as may. Emit fewer at once, or thin them out (sample, bufferTime).`,
      ),
    )
  }

  #fail(stream: Stream, error: unknown): void {
    const code = error instanceof MsgvanError ? error.code : undefined
    this.#end(stream, { stream, kind: 'error', payload: crossing(error), code })
  }

  #end(stream: Stream, last: Letter): void {
    if (stream.isOver) return
    this.#stop(stream)
    this.#push(last)
  }

  #stop(stream: Stream): void {
    stream.isOver = true
    try {
      stream.stop()
    } catch (error) {
      // Its teardown threw: that is the app's, and nobody else's.
      const text = `What ${JSON.stringify(stream.exposure.name)} exposes threw when it was unsubscribed: ${describe(error)}`
      this.#report(new SubscriberError(text, undefined, error))
    }
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream.id)
    this.#stop(stream)
    this.#unsend(stream)
  }

  #unsend(stream: Stream): void {
    this.#waiting = this.#waiting.slice(this.#next).filter(letter => letter.stream !== stream)
    this.#next = 0
  }

  /** What is emitted in one turn goes out together. */
  #push(letter: Letter): void {
    this.#waiting.push(letter)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.#send()
    })
  }

  #send(): void {
    while (this.#underWay < WINDOW) {
      const letter = this.#waiting[this.#next]
      if (letter === undefined) break
      const values = this.#valuesFrom(letter)
      this.#next += Math.max(values.length, 1)
      if (values.length > 1) this.#sendOne({ stream: letter.stream, kind: 'values', payload: values })
      else this.#sendOne(letter)
    }
    if (this.#next < this.#waiting.length / 2) return
    this.#waiting = this.#waiting.slice(this.#next)
    this.#next = 0
  }

  /** The values of one stream that wait next, as many as fit into one letter; none but itself if that is large, or cannot be carried. */
  #valuesFrom({ stream }: Letter): unknown[] {
    const values: unknown[] = []
    let room = BATCH_BYTES
    for (let at = this.#next; at < this.#waiting.length; at += 1) {
      const letter = this.#waiting[at]
      if (letter?.stream !== stream || letter.kind !== 'next') break
      const size = sizeOf(letter.payload)
      if (size < 0 || size > room) break
      room -= size
      values.push(letter.payload)
    }
    return values
  }

  #sendOne(letter: Letter): void {
    const { stream, kind, payload } = letter
    const count = stream.count + (kind === 'next' ? 1 : kind === 'values' ? (payload as unknown[]).length : 0)
    try {
      const sent = this.#letterbox.send(this.address, payload, this.#headersOf(letter, count))
      this.#underWay += 1
      stream.count = count
      sent.then(
        () => this.#sent(),
        (error: unknown) => {
          this.#refused(letter, error)
          this.#sent()
        },
      )
    } catch (error) {
      this.#refused(letter, error)
      return
    }
    if (kind === 'done' || kind === 'error') this.#streams.delete(stream.id)
  }

  #sent(): void {
    this.#underWay -= 1
    this.#send()
  }

  #headersOf({ stream: { id }, kind, code }: Letter, count: number): Headers {
    const headers = { [STREAM]: id, [KIND]: kind, [COUNT]: String(count), [FROM]: this.#letterbox.address }
    return code === undefined ? headers : { ...headers, [CODE]: code }
  }

  /** A value that cannot be carried ends its stream; of such an error the text goes in its place. */
  #refused(letter: Letter, error: unknown): void {
    const { stream, kind, payload } = letter
    if ((kind === 'next' || kind === 'values') && this.#streams.has(stream.id)) {
      this.#unsend(stream)
      this.#stop(stream)
      const code = error instanceof MsgvanError ? error.code : undefined
      this.#push({ stream, kind: 'error', payload: crossing(error), code })
    } else if (kind === 'error' && (payload as Crossing).cause !== undefined) {
      this.#sendOne({ ...letter, payload: { error: (payload as Crossing).error } })
    }
  }
}

/** At most so many bytes; -1 for what cannot be carried, which is told when its turn comes. */
function sizeOf(value: unknown): number {
  try {
    return mostPayloadBytes(value)
  } catch {
    return -1
  }
}
