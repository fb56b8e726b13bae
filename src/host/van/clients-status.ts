import type { ClientsStatus, ClientStatus } from '../../bus/contract/status.js'

/** The clients in a status: those with the most bytes. */
const MOST_SHOWN = 20

/** A session, as far as its status goes. */
export interface ShownSession {
  readonly client: string
  readonly access: { readonly principal: { readonly name: string } } | undefined
  readonly address: string
  readonly pid: number | undefined
  readonly isConnected: boolean
  readonly consumers: Iterable<unknown>
  readonly budget: { readonly unread: number; readonly answers: number }
  readonly heldBytes: number
}

/** Of all clients of a van at this host, however many there are, a bounded part. */
export function clientsStatus(sessions: Iterable<ShownSession>, host: string): ClientsStatus {
  const all = [...sessions].map(session => statusOf(session, host))
  return largest(all.length, all)
}

/** Those of several hosts. */
export function allClients(parts: readonly (ClientsStatus | undefined)[]): ClientsStatus | undefined {
  const known = parts.filter(part => part !== undefined)
  if (known.length === 0) return undefined
  return largest(
    known.reduce((sum, { total }) => sum + total, 0),
    known.flatMap(part => part.largest),
  )
}

function largest(total: number, all: readonly ClientStatus[]): ClientsStatus {
  const bytes = ({ unreadBytes, heldBytes, answerBytes }: ClientStatus): number =>
    Math.max(unreadBytes, answerBytes) + heldBytes
  const sorted = [...all].sort((one, other) => bytes(other) - bytes(one))
  return { total, largest: sorted.slice(0, MOST_SHOWN) }
}

function statusOf(
  { client, access, address, pid, isConnected, consumers, budget, heldBytes }: ShownSession,
  host: string,
): ClientStatus {
  return {
    id: client,
    ...(access === undefined ? {} : { principal: access.principal.name }),
    host,
    address,
    ...(pid === undefined ? {} : { pid }),
    connected: isConnected,
    subscriptions: [...consumers].length,
    unreadBytes: budget.unread,
    answerBytes: budget.answers,
    heldBytes,
  }
}
