import type { HandlerStatus, HostStatus, LogStatus, VanStatus } from '../../bus/contract/status.js'
import { allClients } from './clients-status.js'

/** One host's knowledge of a van, including handlers whose subscription is at another host. */
export interface StatusPart {
  readonly status: VanStatus
  readonly handlers: Readonly<Record<string, HandlerStatus>>
}

/**
 * The whole van's: this host's part first, and itself as `host`.
 *
 * @param log of the host that has the log
 */
export function statusOfVan(
  own: StatusPart,
  others: readonly StatusPart[],
  hosts: HostStatus[],
  log: LogStatus | undefined,
): VanStatus {
  const parts = [own, ...others]
  const handlers = Object.assign({}, ...parts.map(part => part.handlers)) as Record<string, HandlerStatus>
  const subscriptions = parts
    .flatMap(({ status }) => status.subscriptions)
    .map(subscription => {
      const { name } = subscription
      const handler = name === undefined || !Object.hasOwn(handlers, name) ? undefined : handlers[name]
      return handler === undefined ? subscription : { ...subscription, handler }
    })
  const counters = { ...own.status.counters }
  for (const { status } of others) {
    for (const key of Object.keys(counters) as (keyof typeof counters)[])
      counters[key] += status.counters[key]
  }
  const actors = parts.flatMap(({ status }) => status.actors)
  const delayed = { messages: 0, bytes: 0 }
  for (const { status } of parts) {
    delayed.messages += status.delayed?.messages ?? 0
    delayed.bytes += status.delayed?.bytes ?? 0
  }
  const missing = parts.flatMap(({ status }) => status.missing ?? [])
  const { van, host, memory, denied, limited, waiting } = own.status
  const clients = allClients(parts.map(({ status }) => status.clients))
  return {
    van,
    host,
    hosts,
    subscriptions,
    actors,
    counters,
    delayed,
    ...(memory === undefined ? {} : { memory }),
    ...(clients === undefined ? {} : { clients }),
    ...(denied === undefined ? {} : { denied }),
    ...(limited === undefined ? {} : { limited }),
    ...(waiting === undefined ? {} : { waiting }),
    ...(log === undefined ? {} : { log }),
    ...(missing.length === 0 ? {} : { missing }),
  }
}
