import { DrainTimeoutError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import type { SubscriptionRequest } from './contract/subscription-request.js'

const MOST_NAMED = 10

/** A subscription with messages that were handed out and not settled. */
interface Unsettled {
  readonly rules: Pick<SubscriptionRequest, 'name' | 'pattern'>
  readonly inFlight: number
}

/** A subscription with messages that were not handed out. */
export interface Waiting {
  readonly rules: Unsettled['rules']
  readonly count: number
  /** Those of them that failed, before their next attempt. */
  readonly retrying: number
}

/**
 * The error on `errors$` when `close()` stops waiting.
 *
 * @param timeout the time that ran out, or `'aborted'`
 */
export function drainTimeout(
  timeout: number | 'aborted',
  unsettled: readonly Unsettled[],
  publishes = 0,
  requests = 0,
  queued = 0,
  waiting: readonly Waiting[] = [],
): DrainTimeoutError {
  const deliveries = unsettled.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const left = [
    ...(publishes > 0 ? [`${publishes} publishes not accepted`] : []),
    ...(requests > 0 ? [`${requests} requests not answered`] : []),
    ...(deliveries > 0
      ? [
          `${deliveries} deliveries not settled (${where(unsettled.map(({ rules, inFlight }) => ({ rules, count: inFlight })))})`,
        ]
      : []),
    ...(queued > 0 || waiting.length > 0 ? [notHandedOut(waiting, queued)] : []),
  ]
  // Advice only about things that were left behind.
  const advice = [
    ...(deliveries > 0
      ? [
          'Messages that were not settled go to the next subscriber of that name; without a name they are gone.',
        ]
      : []),
    ...(publishes > 0 ? ['Rejected publishes can be published again.'] : []),
  ]
  const what = left.length === 0 ? 'acknowledgements on their way' : left.join(', ')
  const why = timeout === 'aborted' ? 'close() was aborted.' : `close() waited for ${timeout} ms.`
  return new DrainTimeoutError([`${why} Left behind: ${what}.`, ...advice].join(' '))
}

/**
 * The error on `errors$` when all deliveries are settled, and other messages end with the bus.
 *
 * @param why they end
 */
export function leftWaiting(waiting: readonly Waiting[], why: string): DrainTimeoutError {
  return new DrainTimeoutError(`close() left behind: ${notHandedOut(waiting)}. ${why}`)
}

function notHandedOut(waiting: readonly Waiting[], queued = 0): string {
  const total = waiting.reduce((sum, { count }) => sum + count, queued)
  const retrying = waiting.reduce((sum, each) => sum + each.retrying, 0)
  const names = waiting.length === 0 ? '' : ` (${where(waiting)})`
  return `${total} messages not handed out${names}${retrying === 0 ? '' : `, ${retrying} of them before a retry`}`
}

/** The error on `errors$` when a process ends by a signal, and its host has ended before. */
export function leftByHost(publishes: number): DrainTimeoutError {
  return new DrainTimeoutError(
    `The host has ended, nothing starts it again, and this process ends, too. Left behind: ${publishes} publishes not accepted.`,
  )
}

/** The error on `errors$` when a source goes on publishing to a bus that closes. */
export function leftByDrain(messages: number): DrainTimeoutError {
  return new DrainTimeoutError(
    `close() did not hand out ${messages} messages that were published while it waited: a timer or another source goes on publishing. Stop it before you close the bus.`,
  )
}

function where(counted: readonly Pick<Waiting, 'rules' | 'count'>[]): string {
  const named = counted
    .slice(0, MOST_NAMED)
    .map(({ rules: { name, pattern }, count }) => `${name ?? describePattern(pattern)}: ${count}`)
  return [...named, ...(counted.length > MOST_NAMED ? ['…'] : [])].join(', ')
}

/** The error on `errors$` when a bus in one process closes, and messages are delayed. */
export function leftDelayed(count: number): DrainTimeoutError {
  return new DrainTimeoutError(
    `close() left behind: ${count} delayed messages. An embedded van keeps no messages when its bus closes.`,
  )
}
