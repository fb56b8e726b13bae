import { DrainTimeoutError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import type { SubscriptionRequest } from './contract/subscription-request.js'

const MOST_NAMED = 10

/** A subscription with messages that were handed out and not settled. */
interface Unsettled {
  readonly rules: Pick<SubscriptionRequest, 'name' | 'pattern'>
  readonly inFlight: number
}

/** The error on `errors$` when `close()` stops waiting. */
export function drainTimeout(
  timeout: number,
  unsettled: readonly Unsettled[],
  publishes = 0,
  requests = 0,
  queued = 0,
): DrainTimeoutError {
  const deliveries = unsettled.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const left = [
    ...(publishes > 0 ? [`${publishes} publishes not taken over`] : []),
    ...(requests > 0 ? [`${requests} requests not answered`] : []),
    ...(deliveries > 0 ? [`${deliveries} deliveries not settled (${where(unsettled)})`] : []),
  ]
  if (queued > 0) left.push(`${queued} messages not handed out`)
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
  return new DrainTimeoutError(
    [`close() waited for ${timeout} ms. Left behind: ${what}.`, ...advice].join(' '),
  )
}

/** The error on `errors$` when a process ends by a signal, and its host has ended before. */
export function leftByHost(publishes: number): DrainTimeoutError {
  return new DrainTimeoutError(
    `The host has ended, nothing starts it again, and this process ends, too. Left behind: ${publishes} publishes not taken over.`,
  )
}

/** The error on `errors$` when a source goes on publishing to a bus that closes. */
export function leftByDrain(messages: number): DrainTimeoutError {
  return new DrainTimeoutError(
    `close() did not hand out ${messages} messages that were published while it waited: a timer or another source goes on publishing. Stop it before you close the bus.`,
  )
}

function where(unsettled: readonly Unsettled[]): string {
  const named = unsettled
    .slice(0, MOST_NAMED)
    .map(({ rules: { name, pattern }, inFlight }) => `${name ?? describePattern(pattern)}: ${inFlight}`)
  return [...named, ...(unsettled.length > MOST_NAMED ? ['…'] : [])].join(', ')
}
