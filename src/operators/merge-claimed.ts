import type { ObservableInput, OperatorFunction, Subscriber } from 'rxjs'
import { innerFrom } from 'rxjs/internal/observable/innerFrom'
import { createOperatorSubscriber } from 'rxjs/internal/operators/OperatorSubscriber'
import { Claim } from '../message/claim.js'
import { takeInHand } from '../message/in-hand.js'
import { Message, type Places, type Settler } from '../message/message.js'
import { lift } from './rxjs-internals.js'

/**
 * @param claim for a value that is a message
 */
type ProjectClaimed<T, R> = (value: T, claim: Claim | undefined) => ObservableInput<R>

/**
 * `mergeMap` for work that settles its messages itself. It claims them on arrival, not when their turn comes, so that
 * nothing settles those that wait for a free place. Torn down, it gives back, as never seen, those whose turn never
 * came.
 *
 * @param check throws for a value that it does not take
 */
export function mergeClaimed<T, R>(
  project: ProjectClaimed<T, R>,
  concurrency: number,
  check?: (value: T) => void,
): OperatorFunction<T, R> {
  return source =>
    lift<T, R>(source, {
      call: (subscriber, upstream) => {
        const merging = new Merging(subscriber, project, concurrency)
        upstream.subscribe(
          createOperatorSubscriber<T>(
            subscriber,
            value => {
              check?.(value)
              merging.take(value)
            },
            () => merging.sourceCompleted(),
          ),
        )
        subscriber.add(() => merging.giveBack())
      },
    })
}

/** From this number of waiting values on, it looks for those that were taken away, and drops them. */
const FIRST_SWEEP = 1_024

/**
 * The places of one subscribe() and the values that wait for them. RxJS' own mergeMap begins the next work inside the
 * end of the last one: some 800 that end at once, taken away or not, overflow the stack there, and places are lost.
 * Here a loop begins them.
 */
class Merging<T, R> implements Places {
  readonly #subscriber: Subscriber<R>
  readonly #project: ProjectClaimed<T, R>
  readonly #concurrency: number
  /** For messages, their claims. */
  #values: (T | Claim | undefined)[] = []
  #next = 0
  /** Claims of waiting messages that were open when they came. */
  readonly #open = new Set<Claim>()
  #sweepAt = FIRST_SWEEP
  #settler: Settler | undefined
  /** One for each taken place. */
  readonly #running = new Set<Subscriber<R>>()
  #isBeginning = false
  /** It is finding out whether the waiting messages still belong to this consumer. */
  #isInDoubt = false
  #isSourceComplete = false

  constructor(subscriber: Subscriber<R>, project: ProjectClaimed<T, R>, concurrency: number) {
    this.#subscriber = subscriber
    this.#project = project
    this.#concurrency = concurrency
  }

  take(value: T): void {
    this.#values.push(value instanceof Message ? this.#claim(value) : value)
    if (this.#waiting >= this.#sweepAt) this.#sweep()
    this.#beginAll(this.#waiting === 1)
  }

  #claim(message: Message): Claim {
    const claim = new Claim(message)
    const settler = Message.settlerOf(message)
    if (settler !== this.#settler) {
      this.#settler = settler
      settler.worksIn?.(this)
    }
    if (Message.tagOf(message) !== undefined) this.#open.add(claim)
    return claim
  }

  sourceCompleted(): void {
    this.#isSourceComplete = true
    this.#beginAll()
  }

  giveBack(): void {
    for (const claim of this.#open) claim.release(true)
    this.#open.clear()
    this.#values = []
    this.#next = 0
  }

  get free(): number {
    let taken = 0
    for (const inner of this.#running) if (!inner.closed) taken += 1
    return this.#concurrency - taken
  }

  get waiting(): number {
    let count = 0
    for (const { message } of this.#open) if (Message.tagOf(message) !== undefined) count += 1
    return count
  }

  get #waiting(): number {
    return this.#values.length - this.#next
  }

  get #mayBegin(): boolean {
    return (
      this.#running.size < this.#concurrency &&
      this.#waiting > 0 &&
      !this.#isInDoubt &&
      !this.#subscriber.closed
    )
  }

  /**
   * @param isNew the next one came just now; one that waited may belong to another consumer by its turn
   */
  #beginAll(isNew = false): void {
    // Work that ends at once comes back to here: the loop that began it goes on.
    if (this.#isBeginning) return
    this.#isBeginning = true
    try {
      while (this.#mayBegin) {
        if (!isNew && this.#isDoubtful(this.#values[this.#next])) break
        isNew = false
        const next = this.#shift()
        if (!this.#wasTakenAway(next)) this.#begin(next)
      }
    } catch (error) {
      this.#subscriber.error(error)
    } finally {
      this.#isBeginning = false
    }
    if (this.#isSourceComplete && this.#waiting === 0 && this.#running.size === 0) this.#subscriber.complete()
  }

  #begin(next: T | Claim): void {
    const claim = next instanceof Claim ? next : undefined
    if (claim !== undefined) {
      this.#open.delete(claim)
      claim.begin()
    }
    const value = (claim === undefined ? next : claim.message) as T
    let isComplete = false
    const inner = createOperatorSubscriber<R>(
      this.#subscriber,
      result => this.#subscriber.next(result),
      () => {
        isComplete = true
      },
      error => this.#fail(error, claim),
      () => {
        if (!isComplete) return
        this.#running.delete(inner)
        this.#beginAll()
      },
    )
    this.#running.add(inner)
    innerFrom(this.#project(value, claim)).subscribe(inner)
  }

  /** With its message in hand: it is known which one failed. */
  #fail(error: unknown, claim: Claim | undefined): void {
    const before = takeInHand(claim?.message)
    try {
      this.#subscriber.error(error)
    } finally {
      takeInHand(before)
    }
  }

  #isDoubtful(next: T | Claim | undefined): boolean {
    if (!(next instanceof Claim)) return false
    const known = Message.settlerOf(next.message).inDoubt?.()
    if (known === undefined) return false
    this.#isInDoubt = true
    void known.then(() => {
      this.#isInDoubt = false
      this.#beginAll()
    })
    return true
  }

  /** The session was lost, or this process was stopped for too long: the message belongs to another consumer now. */
  #wasTakenAway(value: T | Claim | undefined): boolean {
    if (!(value instanceof Claim) || Message.tagOf(value.message) !== undefined) return false
    if (!this.#open.delete(value)) return false
    value.release(true)
    return true
  }

  #shift(): T | Claim {
    const value = this.#values[this.#next] as T | Claim
    this.#values[this.#next++] = undefined
    if (this.#next === this.#values.length || this.#next === 1_024) {
      this.#values.splice(0, this.#next)
      this.#next = 0
    }
    return value
  }

  /** While all places are taken, each lost session would leave up to a consumer's credit behind. */
  #sweep(): void {
    this.#values = this.#values.slice(this.#next).filter(value => !this.#wasTakenAway(value))
    this.#next = 0
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#values.length)
  }
}
