import type { Subscriber } from 'rxjs'
import { isStopped } from '../../operators/rxjs-internals.js'
import type { Run } from './run.js'

/** An error or a completion on its way down a pipeline, on this very call stack. */
export interface Passing {
  readonly run: Run
  readonly cause: 'error' | 'complete'
  /** The subscriber that it passes, and those after it. */
  readonly chain: readonly Subscriber<unknown>[]
  readonly outer: Passing | undefined
}

let innermost: Passing | undefined
/** Subscribers that an error has passed within this call. */
let passed = new WeakSet<Subscriber<unknown>>()

/** The innermost one; `outer` leads to the others. */
export function passing(): Passing | undefined {
  return innermost
}

/** Something is on its way down this pipeline. */
export function isPassedNow(run: Run): boolean {
  for (let each = innermost; each !== undefined; each = each.outer) if (each.run === run) return true
  return false
}

export function pass(run: Run, cause: Passing['cause'], chain: Passing['chain'], on: () => void): void {
  const outer = innermost
  if (outer === undefined) passed = new WeakSet()
  const [subscriber] = chain
  if (cause === 'error' && subscriber !== undefined) passed.add(subscriber)
  innermost = { run, cause, chain, outer }
  try {
    on()
  } finally {
    innermost = outer
  }
}

/**
 * The subscriber at which an error stopped that went down this chain: whoever comes back after it does so to that one.
 * Undefined when it is stopped meanwhile, or the error went to the end.
 */
export function stoppedAt(chain: Passing['chain']): Subscriber<unknown> | undefined {
  const next = chain[chain.findLastIndex(each => passed.has(each)) + 1]
  return next === undefined || isStopped(next) ? undefined : next
}
