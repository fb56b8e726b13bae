import type { Membership } from '../../../bus/contract/broker.js'
import type { RemoteConsumer } from './remote-consumer.js'

/**
 * The client is a host, in whose place comes another process: its unnamed subscriptions that this host keeps wait for
 * that one.
 *
 * @returns by their origins
 */
export function takeReplays(consumers: Iterable<RemoteConsumer>): Map<string, Membership> {
  const taken = new Map<string, Membership>()
  for (const consumer of consumers) {
    const { origin } = consumer
    const membership = origin === undefined ? undefined : consumer.passOn()
    if (origin !== undefined && membership !== undefined) taken.set(origin, membership)
  }
  return taken
}
