import { Observable } from 'rxjs/internal/Observable'
import type { Message } from '../../message/message.js'
import type { Broker } from './broker.js'
import type { HostStatus } from './status.js'

/**
 * Every host announces changes to its own clients on this topic. The payload is a list of HostStatus, its own first.
 */
export const HOSTS_TOPIC = '$hosts'

/** Another host, as a broker tells it from others: the queue of that host. */
export type HostRef = object

/** A change of a host of the van, and its status now (`left`: its last status). */
export interface HostEvent {
  readonly type: 'joined' | 'left' | 'changed'
  readonly host: HostStatus
}

/**
 * Emits the present hosts, then each host that comes, goes or changes.
 *
 * @param news the messages on HOSTS_TOPIC
 */
export function hostEvents(broker: Broker, news: Observable<Message>): Observable<HostEvent> {
  return new Observable(subscriber => {
    const known = new Map<string, HostStatus>()
    const tell = (hosts: readonly HostStatus[]): void => {
      const now = new Map(hosts.map(host => [host.id, host]))
      for (const [id, host] of known) {
        if (now.has(id)) continue
        known.delete(id)
        subscriber.next({ type: 'left', host })
      }
      for (const [id, host] of now) {
        const before = known.get(id)
        known.set(id, host)
        if (before === undefined) subscriber.next({ type: 'joined', host })
        else if (!isSameHost(before, host)) subscriber.next({ type: 'changed', host })
      }
    }
    // Asks again at each connection, because it may have missed news meanwhile. Answer and news come in order.
    const ask = (): void => {
      broker.control.hosts().then(
        hosts => {
          if (!subscriber.closed) tell(hosts)
        },
        () => undefined,
      )
    }
    subscriber.add(
      news.subscribe({
        next: message => tell(message.payload as HostStatus[]),
        error: (error: unknown) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    )
    subscriber.add(
      broker.state$.subscribe(state => {
        if (state === 'connected') ask()
      }),
    )
  })
}

/** Compares everything except the age. */
export function isSameHost(a: HostStatus, b: HostStatus): boolean {
  return JSON.stringify({ ...a, uptimeMs: 0 }) === JSON.stringify({ ...b, uptimeMs: 0 })
}
