import { escapeControls } from '../../log/escape-controls.js'
import type { ClientsStatus, MemoryStatus, SubscriptionStatus, VanStatus } from '../../bus/contract/status.js'

/** The state of a van as lines for people, at 80 columns unless names or patterns are long. */
export function statusLines({
  van,
  host,
  hosts,
  subscriptions,
  actors,
  counters,
  missing = [],
  memory,
  denied = {},
  limited = {},
  waiting = {},
  clients,
  delayed,
}: VanStatus): string[] {
  const { published, delivered, acked, failed, redelivered, deadLettered, dropped } = counters
  return [
    `van ${van}, host ${host.version} on port ${host.port} (pid ${host.pid}), up ${duration(host.uptimeMs)}`,
    ...hosts
      .filter(({ id }) => id !== host.id)
      .map(
        each =>
          `with ${each.leader ? 'the leader' : 'a host'} at ${each.address}:${each.port}, ${each.version}, up ${duration(each.uptimeMs)}`,
      ),
    '',
    ...(subscriptions.length === 0 ? ['no subscriptions'] : table(subscriptions)),
    ...notes(subscriptions),
    ...missing.map(({ text }) => `missing, since the store was damaged: ${text}`),
    ...(actors.length === 0
      ? []
      : [`${actors.length} ${actors.length === 1 ? 'actor' : 'actors'}: see \`msgvan actors\``]),
    '',
    ...(delayed === undefined || delayed.messages === 0
      ? []
      : [`${delayed.messages} delayed, ${megabytes(delayed.bytes)} MiB`]),
    ...(memory === undefined ? [] : [memoryLine(memory)]),
    ...(clients === undefined ? [] : clientLines(clients)),
    ...refusedLines(denied, limited),
    ...Object.entries(waiting).map(
      ([principal, { bytes, max }]) =>
        `${principal} has ${bytes} of ${max} bytes that wait${bytes >= max ? ': its publishers wait' : ''}`,
    ),
    `published ${published}, delivered ${delivered}, acked ${acked}, failed ${failed}, redelivered ${redelivered}, dead ${deadLettered}, dropped ${dropped}`,
  ]
}

function memoryLine({ van, host, letters }: MemoryStatus): string {
  const of = ({ bytes, max }: MemoryStatus['van']): string => `${megabytes(bytes)} of ${megabytes(max)} MiB`
  const full = van.bytes >= van.max || host.bytes >= host.max ? ': full, publishers wait' : ''
  const dead = letters === undefined || letters.bytes === 0 ? '' : `, ${of(letters)} of dead letters`
  return `memory ${of(van)} in this van, ${of(host)} in the host${full}${dead}`
}

/** Clients with bytes in the host, and the number of the others. */
function clientLines({ total, largest }: ClientsStatus): string[] {
  const rows = largest
    .filter(each => !each.connected || each.unreadBytes + each.answerBytes + each.heldBytes > 0)
    .map(
      ({
        id,
        principal = '-',
        pid,
        address,
        connected,
        subscriptions,
        unreadBytes,
        answerBytes,
        heldBytes,
      }) => [
        id,
        principal,
        pid === undefined ? '-' : String(pid),
        connected ? address || 'local' : 'away',
        ...[subscriptions, unreadBytes, answerBytes, heldBytes].map(String),
      ],
    )
  const others = total - rows.length
  if (rows.length === 0) return [`${total} ${total === 1 ? 'client' : 'clients'}`]
  const head = [
    'CLIENT',
    'PRINCIPAL',
    'PROCESS',
    'ADDRESS',
    'SUBSCRIPTIONS',
    'UNREAD B',
    'ANSWERS B',
    'HELD B',
  ]
  return [...columns([head, ...rows], 4), ...(others === 0 ? [] : [`and ${others} more`]), '']
}

/** Principals that wanted more than they may. */
function* refusedLines(
  denied: NonNullable<VanStatus['denied']>,
  limited: NonNullable<VanStatus['limited']>,
): Generator<string> {
  const counts = (of: Readonly<Record<string, number>>): string =>
    Object.entries(of)
      .map(([what, count]) => `${what} ${count}`)
      .join(', ')
  if (Object.keys(denied).length > 0) yield `denied, by right: ${counts(denied)}`
  for (const [principal, of] of Object.entries(limited))
    yield `${principal} is over its limits: ${counts(of)}`
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 ** 2)
}

export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

function table(subscriptions: readonly SubscriptionStatus[]): string[] {
  const rows = [
    ['NAME', 'PATTERN', 'CONSUMERS', 'PENDING', 'IN FLIGHT', 'ACKED', 'FAILED', 'DEAD'],
    ...subscriptions.map(each => [
      each.name ?? '-',
      each.pattern,
      ...[each.consumers, each.pending, each.inFlight, each.acked, each.failed, each.deadLettered].map(
        String,
      ),
    ]),
  ]
  return columns(rows, 2)
}

/**
 * Each row is one line, with any content of its cells.
 *
 * @param left the number of text columns; the others are numbers, and a last text may follow
 */
export function columns(rows: readonly (readonly string[])[], left: number): string[] {
  const shown = rows.map(row => row.map(escapeControls))
  const widths = (shown[0] ?? []).map((_, column) => Math.max(...shown.map(row => row[column]?.length ?? 0)))
  return shown.map(row =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
}

function* notes(subscriptions: readonly SubscriptionStatus[]): Generator<string> {
  for (const { id, name, handler, paused, pausing, held, consumers } of subscriptions) {
    const who = name ?? id
    if (handler !== undefined) {
      const restarts = handler.restarts === 0 ? '' : `, restarted ${handler.restarts} times`
      yield `${who}: handler ${handler.export} of ${handler.module} is ${handler.state}${restarts}`
    }
    if (paused === true) yield `${who} is paused: \`msgvan resume ${who}\` lets it go on`
    const isSlow = consumers > 0 && paused !== true
    const why = isSlow ? 'is slow' : consumers > 0 ? 'is full' : 'is full and has no consumer'
    if (pausing) yield `${who} ${why}: publishers wait for it, ${held} messages are held`
  }
}
