import { DrainTimeoutError } from '../errors.js'

/** What `close()` says on `errors$` when it stops waiting. */
export function drainTimeout(timeout: number, publishes: number, deliveries: number): DrainTimeoutError {
  const left = [
    ...(publishes > 0 ? [`${publishes} publishes not taken over`] : []),
    ...(deliveries > 0 ? [`${deliveries} deliveries not settled`] : []),
  ]
  return new DrainTimeoutError(
    `close() waited for ${timeout} ms. Left behind: ${left.length === 0 ? 'acknowledgements on their way' : left.join(', ')}. ` +
      'Messages that were not settled go to the next subscriber of that name; rejected publishes can be published again.',
  )
}
