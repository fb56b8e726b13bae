import { DrainTimeoutError } from '../errors.js'
import { describePattern } from '../message/pattern.js'
import type { SubscriptionRequest } from './broker.js'

const MOST_NAMED = 10

/** A subscription with messages that were handed out and not settled. */
interface Unsettled {
  readonly rules: Pick<SubscriptionRequest, 'name' | 'pattern'>
  readonly inFlight: number
}

/** What `close()` says on `errors$` when it stops waiting. */
export function drainTimeout(
  timeout: number,
  unsettled: readonly Unsettled[],
  publishes = 0,
  requests = 0,
): DrainTimeoutError {
  const deliveries = unsettled.reduce((sum, { inFlight }) => sum + inFlight, 0)
  const left = [
    ...(publishes > 0 ? [`${publishes} publishes not taken over`] : []),
    ...(requests > 0 ? [`${requests} requests not answered`] : []),
    ...(deliveries > 0 ? [`${deliveries} deliveries not settled (${where(unsettled)})`] : []),
  ]
  return new DrainTimeoutError(
    `close() waited for ${timeout} ms. Left behind: ${left.length === 0 ? 'acknowledgements on their way' : left.join(', ')}. ` +
      'Messages that were not settled go to the next subscriber of that name; without a name they are gone. Rejected publishes can be published again.',
  )
}

function where(unsettled: readonly Unsettled[]): string {
  const named = unsettled
    .slice(0, MOST_NAMED)
    .map(({ rules: { name, pattern }, inFlight }) => `${name ?? describePattern(pattern)}: ${inFlight}`)
  return [...named, ...(unsettled.length > MOST_NAMED ? ['…'] : [])].join(', ')
}
