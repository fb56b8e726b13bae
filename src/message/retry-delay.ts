import { InvalidOptionError } from '../errors.js'
import { knownOptions } from './check-option.js'

/**
 * How long a failed message waits for its next attempt: milliseconds; a list of them, one for each failure, of which the
 * last holds for all that follow; or a function of what failed and how often it has, as `backoff` makes them.
 */
export type RetryDelay = number | readonly number[] | ((error: unknown, attempt: number) => number)

/** What a delay function that throws stands for: its mistake must neither lose the message nor make a tight loop. */
const FALLBACK_MS = 1_000

/** The longest delay that is taken: about 285,000 years. Timers are cut into steps, so no delay is too long for one. */
const LONGEST_MS = Number.MAX_SAFE_INTEGER

const MOST_STEPS = 1_000

/** @throws InvalidOptionError */
export function checkRetryDelay(where: string, delay: unknown): asserts delay is RetryDelay {
  if (typeof delay === 'function' || isDuration(delay)) return
  if (Array.isArray(delay) && delay.length > 0 && delay.length <= MOST_STEPS && delay.every(isDuration))
    return
  throw new InvalidOptionError(
    `${where} is milliseconds, 0 or more; a list of 1 to ${MOST_STEPS} of them; or a function that gives them. This is ${shown(delay)}.`,
  )
}

/** As it may cross to a host: `Infinity` cannot. */
export function boundedRetryDelay(delay: RetryDelay): RetryDelay {
  if (typeof delay === 'function') return delay
  return typeof delay === 'number' ? bounded(delay) : delay.map(bounded)
}

/** @param attempt how often the message has failed by now, from 1 */
export function retryDelayAfter(delay: RetryDelay, error: unknown, attempt: number): number {
  if (typeof delay === 'number') return delay
  if (typeof delay !== 'function') return delay[Math.min(attempt, delay.length) - 1] ?? FALLBACK_MS
  try {
    const chosen = delay(error, attempt)
    return chosen >= 0 ? Math.min(chosen, LONGEST_MS) : 0
  } catch {
    return FALLBACK_MS
  }
}

/** What `nack()` was given. @throws InvalidOptionError */
export function checkNack(options: { delay?: number }): { delay?: number } {
  knownOptions('nack()', options, ['delay'])
  const { delay } = options
  if (delay === undefined) return {}
  if (!isDuration(delay))
    throw new InvalidOptionError(`nack: delay is milliseconds, 0 or more. This is ${shown(delay)}.`)
  return { delay: bounded(delay) }
}

function bounded(delay: number): number {
  return Math.min(delay, LONGEST_MS)
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && (value <= LONGEST_MS || value === Infinity)
}

function shown(value: unknown): string {
  return Array.isArray(value) ? `[${value.slice(0, 10).map(String).join(', ')}]` : String(value)
}
