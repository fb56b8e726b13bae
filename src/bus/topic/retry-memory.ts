import type { Subscriber } from 'rxjs'
import type { Membership } from '../contract/broker.js'
import { stoppedAt } from './passing.js'

/** Milliseconds that an unnamed subscription waits for `retry({ delay })` to come back for it. */
const patience = 60_000

type Chain = readonly Subscriber<unknown>[]
/** A topic's subscription whose pipeline broke off. */
interface Releasable {
  readonly isOver: boolean
  release(): Membership | undefined
}

interface BrokenOff<A> {
  readonly subscription: A
  /** The pipeline that broke off. */
  readonly chain: Chain
  /** The last event that passed. After an error the pipeline may come back later. */
  cause: 'error' | 'complete'
  /** Stops waiting. */
  stop: (() => void) | undefined
}

const none: readonly never[] = []

/** Unnamed subscriptions whose pipeline broke off, kept for a resubscription. */
export class RetryMemory<A extends Releasable> {
  #all: readonly BrokenOff<A>[] = none

  add(subscription: A, cause: 'error' | 'complete', chain: Chain): void {
    this.#all = [...this.#all, { subscription, chain, cause, stop: undefined }]
  }

  /**
   * @param onlyNow skips those that wait for a later resubscription
   */
  take(fits: (subscription: A) => boolean, onlyNow = false): Membership | undefined {
    const taken = this.#all.find(
      ({ subscription, stop }) =>
        !subscription.isOver && fits(subscription) && !(onlyNow && stop !== undefined),
    )
    return taken === undefined ? undefined : this.#remove(taken)
  }

  /** An error passes there. Values that an operator emits at the end of its source (`toArray`) may fail, too. */
  failed(subscriber: Subscriber<unknown>): void {
    for (const each of this.#all) if (each.chain.includes(subscriber)) each.cause = 'error'
  }

  /**
   * The call ended without a resubscription. After an error a pipeline may come back later (`retry({ delay })`), to the
   * subscriber at which the error stopped, while that subscriber exists.
   *
   * @param others more chains that the error went down
   * @param giveBack the former owner; it takes the subscription back if other pipelines may come back within the call
   */
  settle(others: readonly Chain[], giveBack: (subscription: A, chain: Chain) => boolean): void {
    for (const each of this.#all) {
      if (each.stop !== undefined) continue
      const hopes =
        each.cause === 'complete' ? [] : [each.chain, ...others].flatMap(chain => stoppedAt(chain) ?? [])
      if (hopes.length > 0) each.stop = waitAt(hopes, () => this.#drop(each))
      else if (each.cause === 'error' && giveBack(each.subscription, each.chain)) this.#forget(each)
      else this.#drop(each)
    }
  }

  #drop(brokenOff: BrokenOff<A>): void {
    this.#remove(brokenOff)?.leave(brokenOff.cause)
  }

  #remove(brokenOff: BrokenOff<A>): Membership | undefined {
    this.#forget(brokenOff)
    return brokenOff.subscription.release()
  }

  #forget(brokenOff: BrokenOff<A>): void {
    brokenOff.stop?.()
    this.#all = this.#all.filter(each => each !== brokenOff)
  }
}

/**
 * Waits until all of them are torn down, or patience ends.
 *
 * @returns a function that stops the wait
 */
function waitAt(hopes: readonly Subscriber<unknown>[], giveUp: () => void): () => void {
  const timer = setTimeout(giveUp, patience)
  if (typeof timer === 'object') timer.unref()
  const look = (): void => {
    if (hopes.every(hope => hope.closed)) giveUp()
  }
  for (const hope of hopes) hope.add(look)
  return () => {
    clearTimeout(timer)
    for (const hope of hopes) hope.remove(look)
  }
}
