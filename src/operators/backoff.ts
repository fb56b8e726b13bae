import { InvalidOptionError } from '../errors.js'
import { knownOptions, shown } from '../message/check-option.js'
import { defaultGrowth, exponentialDelay, LONGEST_MS } from '../message/retry-delay.js'

export interface BackoffConfig {
  /** The first delay, in milliseconds. Default 100. */
  initial?: number
  /** No delay is longer, in milliseconds. Default 30,000. */
  max?: number
  /** Each delay is this many times the one before. Default 2. */
  factor?: number
  /** The random share of the delay, from 0 (none) to 1 (all of it: "full jitter"). Default 0.5. */
  jitter?: number
  /** A number from 0 up to 1. Default `Math.random`. */
  random?: () => number
}

/**
 * A delay that grows with every attempt, with a random part so that many failed consumers do not try again at the same
 * time (after "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). For `delay` of `topic()` and `handle()`.
 *
 * @returns a function of the error and the number of the attempt that failed (from 1), giving milliseconds
 * @throws InvalidOptionError
 * @example
 * handle(charge, { attempts: 5, delay: backoff({ initial: 100, max: 10_000 }) })
 */
export function backoff(config: BackoffConfig = {}): (error: unknown, attempt: number) => number {
  knownOptions('backoff()', config, ['initial', 'max', 'factor', 'jitter', 'random'])
  const { initial, max, factor, jitter, random } = { ...defaultGrowth, ...given(config) }
  for (const [option, value, least, most] of [
    ['initial', initial, 0, LONGEST_MS],
    ['max', max, 0, LONGEST_MS],
    ['factor', factor, 1, LONGEST_MS],
    ['jitter', jitter, 0, 1],
  ] as const)
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw new InvalidOptionError(
        `backoff: ${option} is a number ${range(least, most)}; this is ${shown(value)}.`,
      )
  if (typeof random !== 'function')
    throw new InvalidOptionError(`backoff: random is a function; this is ${shown(random)}.`)
  const growth = { initial, max, factor, jitter, random }
  return (_error, attempt) => exponentialDelay(growth, attempt)
}

function range(least: number, most: number): string {
  return most === LONGEST_MS ? `from ${least} up` : `from ${least} to ${most}`
}

/** Without undefined options, which stand for the default. */
function given(config: BackoffConfig): BackoffConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}
