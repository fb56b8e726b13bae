import type { Sample } from './rates.js'
import { columns, duration } from './status-text.js'

/**
 * A sample for people.
 *
 * @param rows the number of subscriptions to show
 */
export function topLines(sample: Sample, rows = Infinity): string[] {
  const { van, host, hosts, perSecond, counters, subscriptions, actors } = sample
  const shown = subscriptions.slice(0, rows)
  const slow = subscriptions.filter(({ pausing }) => pausing).map(({ id, name }) => name ?? id)
  const paused = subscriptions.filter(each => each.paused === true).map(({ id, name }) => name ?? id)
  const more = subscriptions.length - shown.length
  return [
    `van ${van}, host ${host.version} on port ${host.port} (pid ${host.pid}), up ${duration(host.uptimeMs)}; ${numberOf(hosts.length, 'host')}, ${numberOf(subscriptions.length, 'subscription')}, ${numberOf(new Set(actors.map(({ id }) => id)).size, 'actor')}`,
    `a second: published ${perSecond.published}, delivered ${perSecond.delivered}, acked ${perSecond.acked}, failed ${perSecond.failed}, redelivered ${perSecond.redelivered}`,
    `in all: published ${counters.published}, dead ${counters.deadLettered}, dropped ${counters.dropped}`,
    '',
    ...(shown.length === 0 ? ['no subscriptions'] : columns(table(shown), 2)),
    ...(more > 0 ? [`… and ${more} more`] : []),
    ...(paused.length > 0 ? [`paused: ${paused.join(', ')}`] : []),
    ...(slow.length > 0 ? [`slow, publishers wait for: ${slow.join(', ')}`] : []),
  ]
}

function numberOf(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

function table(subscriptions: Sample['subscriptions']): string[][] {
  return [
    ['NAME', 'PATTERN', 'CONSUMERS', 'PENDING', 'IN FLIGHT', 'DELIVERED/S', 'ACKED/S', 'FAILED/S'],
    ...subscriptions.map(({ name, pattern, consumers, pending, inFlight, perSecond }) => [
      name ?? '-',
      pattern,
      ...[consumers, pending, inFlight, perSecond.delivered, perSecond.acked, perSecond.failed].map(String),
    ]),
  ]
}
