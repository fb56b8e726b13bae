import { describe, InvalidOptionError } from '../errors.js'
import { ignoreRejection, knownOptions, shown } from './check-option.js'

/**
 * The wait of a failed message before its next attempt: milliseconds; a list of them, one for each failure, of which
 * the last holds for all that follow; or a function of the error and the number of failures, as `backoff` makes them.
 * If a function throws, or its result is not a delay, the default takes its place, and `errors$` reports an
 * InvalidOptionError.
 */
export type RetryDelay = number | readonly number[] | ((error: unknown, attempt: number) => number)

/** The longest delay: about 285,000 years. Timers are cut into steps, so no delay is too long for them. */
export const LONGEST_MS = Number.MAX_SAFE_INTEGER

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

/**
 * @param attempt the number of failures so far, from 1
 * @param report gets the error of a delay function: it must neither lose the message nor make a tight loop
 */
export function retryDelayAfter(
  delay: RetryDelay,
  error: unknown,
  attempt: number,
  report: (mistake: InvalidOptionError) => void,
): number {
  if (typeof delay === 'number') return delay
  if (typeof delay !== 'function')
    return delay[Math.min(attempt, delay.length) - 1] ?? defaultDelay(error, attempt)
  try {
    const chosen: unknown = delay(error, attempt)
    if (isDuration(chosen)) return chosen
    ignoreRejection(chosen)
    report(mistake(`gave ${shown(chosen)}; a delay is milliseconds, 0 or more`))
  } catch (cause) {
    report(mistake(`threw: ${describe(cause)}`, cause))
  }
  return defaultDelay(error, attempt)
}

function mistake(what: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(
    `The delay function of a subscription ${what}. The default delay takes its place.`,
    {
      cause,
    },
  )
}

/** The growth of delays, each in milliseconds. */
export interface Growth {
  readonly initial: number
  readonly max: number
  readonly factor: number
  readonly jitter: number
  readonly random: () => number
}

/**
 * @param attempt the number of failures, from 1
 */
export function exponentialDelay({ initial, max, factor, jitter, random }: Growth, attempt: number): number {
  // The growth may be Infinity by now, and 0 times that is NaN.
  const delay = initial === 0 ? 0 : Math.min(max, initial * factor ** Math.max(0, attempt - 1))
  const share: unknown = random()
  ignoreRejection(share)
  return Math.round(delay * (1 - jitter * Number(share)))
}

export const defaultGrowth: Growth = {
  initial: 100,
  max: 30_000,
  factor: 2,
  jitter: 0.5,
  random: () => Math.random(),
}

export const defaultDelay = (_error: unknown, attempt: number): number =>
  exponentialDelay(defaultGrowth, attempt)

/**
 * Checks the options of `nack()`.
 *
 * @throws InvalidOptionError
 */
export function checkNack(options: { delay?: number }): { delay?: number } {
  knownOptions('nack()', options, ['delay'])
  const { delay } = options
  if (delay === undefined) return {}
  if (!isDuration(delay))
    throw new InvalidOptionError(`nack: delay is milliseconds, 0 or more. This is ${shown(delay)}.`)
  return { delay }
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= LONGEST_MS
}
