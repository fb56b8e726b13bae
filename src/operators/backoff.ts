import { InvalidOptionError } from '../errors.js'
import { knownOptions } from '../message/check-option.js'

export interface BackoffConfig {
  /** The first delay, in milliseconds. Default 100. */
  initial?: number
  /** No delay is longer, in milliseconds. Default 30,000. */
  max?: number
  /** Each delay is this many times the one before. Default 2. */
  factor?: number
  /** How much of the delay is left to chance, from 0 (none) to 1 (all of it: "full jitter"). Default 0.5. */
  jitter?: number
  /** A number from 0 up to 1. Default `Math.random`. */
  random?: () => number
}

/**
 * A delay that grows with every attempt, spread by chance so that many who failed together do not try together again
 * (after "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). For `delay` of `topic()` and `handle()`.
 *
 * @returns a function of the error and the number of the attempt that failed (from 1), giving milliseconds
 * @throws InvalidOptionError
 * @example
 * handle(charge, { attempts: 5, delay: backoff({ initial: 100, max: 10_000 }) })
 */
export function backoff(config: BackoffConfig = {}): (error: unknown, attempt: number) => number {
  knownOptions('backoff()', config, ['initial', 'max', 'factor', 'jitter', 'random'])
  const { initial = 100, max = 30_000, factor = 2, jitter = 0.5, random = Math.random } = config
  if (!(initial >= 0) || !(max >= 0))
    throw new InvalidOptionError('backoff: initial and max are milliseconds, 0 or more.')
  if (!(factor >= 1)) throw new InvalidOptionError('backoff: factor is 1 or more.')
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidOptionError('backoff: jitter is a number from 0 to 1.')
  return (_error, attempt) => {
    // The growth may be Infinity by now, and 0 times that is no number.
    const delay = initial === 0 ? 0 : Math.min(max, initial * factor ** Math.max(0, attempt - 1))
    return Math.round(delay * (1 - jitter * random()))
  }
}
