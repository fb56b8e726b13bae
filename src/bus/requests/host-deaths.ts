import { inboxRequest } from '../actors/reply-inbox.js'
import type { Broker } from '../contract/broker.js'
import { HOSTS_TOPIC } from '../contract/hosts.js'
import type { HostStatus } from '../contract/status.js'

/**
 * Watches the hosts of the van, as far as this bus may see them.
 *
 * @param left called when one is gone
 */
export function watchHosts(broker: Broker, left: () => void): void {
  let known = new Set<string>()
  const compare = (hosts: readonly HostStatus[]): void => {
    const now = new Set(hosts.map(({ id }) => id))
    const isOneGone = [...known].some(id => !now.has(id))
    known = now
    if (isOneGone) left()
  }
  const news = (): void => {
    broker.consume(
      { ...inboxRequest(HOSTS_TOPIC), overflow: 'drop-oldest' },
      {
        next: message => {
          compare(message.payload as HostStatus[])
          message.ack()
        },
        error: () => undefined,
        complete: () => undefined,
      },
    )
  }
  // Whoever may not see the hosts gets no news of them either.
  broker.control.hosts().then(
    hosts => {
      compare(hosts)
      news()
    },
    () => undefined,
  )
}
