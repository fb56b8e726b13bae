import type { Subscriber } from 'rxjs'
import { isStopped } from '../../operators/rxjs-internals.js'

/** An error or a completion on its way down a pipeline, on this very call stack. */
export interface Passing<R> {
  readonly run: R
  readonly cause: 'error' | 'complete'
  /** The subscriber that it passes, and those after it. */
  readonly chain: Chain
  readonly outer: Passing<R> | undefined
}

type Chain = readonly Subscriber<unknown>[]

/** Subscribers that an error has passed within this call. */
let passed = new WeakSet<Subscriber<unknown>>()
let depth = 0

/** An error or a completion is on its way down some pipeline. */
export function isTerminating(): boolean {
  return depth > 0
}

/** The errors and completions on their way on this call stack, each down a pipeline of kind `R`. */
export class PassingStack<R> {
  #innermost: Passing<R> | undefined

  /** The innermost one; `outer` leads to the others. */
  get innermost(): Passing<R> | undefined {
    return this.#innermost
  }

  /** An error or a completion is on its way down this pipeline. */
  has(run: R): boolean {
    return this.find(each => each.run === run) !== undefined
  }

  /** From the innermost one outwards. */
  find(fits: (passing: Passing<R>) => boolean): Passing<R> | undefined {
    let each = this.#innermost
    while (each !== undefined && !fits(each)) each = each.outer
    return each
  }

  pass(run: R, cause: Passing<R>['cause'], chain: Chain, on: () => void): void {
    const outer = this.#innermost
    if (outer === undefined) passed = new WeakSet()
    const [subscriber] = chain
    if (cause === 'error' && subscriber !== undefined) passed.add(subscriber)
    this.#innermost = { run, cause, chain, outer }
    depth += 1
    try {
      on()
    } finally {
      depth -= 1
      this.#innermost = outer
    }
  }
}

/**
 * The subscriber at which an error down this chain stopped. A resubscription comes back to it. Undefined when it is
 * stopped meanwhile, or the error reached the end.
 */
export function stoppedAt(chain: Chain): Subscriber<unknown> | undefined {
  const next = chain[chain.findLastIndex(each => passed.has(each)) + 1]
  return next === undefined || isStopped(next) ? undefined : next
}
