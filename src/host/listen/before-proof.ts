import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/** The limits of connections whose client has not proved itself yet. */
export interface BeforeProofLimits {
  /** Milliseconds from the connection to the proof. Default 5,000. */
  readonly patience: number
  /** The most such connections in all. Default 4,096, but at most a quarter of `descriptors`. */
  readonly connections: number
  /** The most of one address, or of one network of IPv6 (/64). Default: half of `connections`. */
  readonly perAddress: number
  /** The most open files of this process. Default: asks the system. */
  readonly descriptors: number
}

export interface BeforeProofOptions extends Partial<BeforeProofLimits> {
  /** The host lets no client in yet: the time does not run. */
  readonly isHostClosed: () => boolean
  readonly warn: (text: string) => void
}

/** An upgrade request takes at most 16 KiB (Node's limit), the messages after it as much as two of 4 KiB. */
const MOST_REQUEST_BYTES = 16 * 1024
const MOST_MESSAGE_BYTES = 8 * 1024
const MOST_CONNECTIONS = 4_096
/** The time is counted in looks, not by the clock: what arrived while this process stood still is read first. */
const LOOKS = 10
const WARN_EVERY_MS = 60_000
/** Descriptors that connections do not use: for files, workers and listeners. */
const KEPT_SHARE = 1 / 8
const USUAL_DESCRIPTORS = 8_192

interface Waiting {
  readonly socket: Socket
  readonly address: string
  looks: number
  /** What it had sent when its upgrade request was read. */
  requested: number | undefined
  unwatch: () => void
}

/**
 * Bounds what connections cost before their clients have proved themselves: their number, time and bytes. Over the
 * bound the oldest goes, since a client that means to come in is there for a moment only.
 */
export class BeforeProof {
  readonly #options: BeforeProofOptions
  readonly #limits: BeforeProofLimits
  /** By both ends, since TLS has a socket of its own for the same connection. Oldest first. */
  readonly #waiting = new Map<string, Waiting>()
  readonly #byAddress = new Map<string, Set<Waiting>>()
  /** All connections, also those with a proof. */
  #connections = 0
  #timer: NodeJS.Timeout | undefined
  #warnedAt = -Infinity
  #closed = 0

  constructor(options: BeforeProofOptions) {
    this.#options = options
    const descriptors = options.descriptors ?? openFilesLimit()
    const connections = options.connections ?? Math.min(MOST_CONNECTIONS, Math.floor(descriptors / 4))
    this.#limits = {
      patience: options.patience ?? 5_000,
      connections,
      perAddress: options.perAddress ?? Math.ceil(connections / 2),
      descriptors,
    }
  }

  /** A connection was accepted. A socket of TLS over one that is known changes nothing. */
  add(socket: Socket): void {
    const key = endsOf(socket)
    if (this.#waiting.has(key)) return
    const address = networkOf(socket.remoteAddress)
    const one: Waiting = { socket, address, looks: 0, requested: undefined, unwatch: () => undefined }
    this.#connections += 1
    this.#waiting.set(key, one)
    const others = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, others.add(one))
    socket.once('close', () => {
      this.#connections -= 1
      if (this.#waiting.get(key) === one) this.#forget(key, one)
    })
    this.#makeRoom(others)
    this.#timer ??= setInterval(() => this.#look(), this.#limits.patience / LOOKS)
  }

  /** Its upgrade request was read: from here on its messages are counted. */
  requested(socket: Socket, head: Uint8Array): void {
    const one = this.#waiting.get(endsOf(socket))
    if (one !== undefined) one.requested = socket.bytesRead - head.length
  }

  /** Its request was granted. @param socket the one that its messages come from */
  upgraded(socket: Socket): void {
    const one = this.#waiting.get(endsOf(socket))
    if (one === undefined) return
    const most = (one.requested ?? 0) + MOST_MESSAGE_BYTES
    const count = (): void => {
      if (socket.bytesRead > most) socket.destroy()
    }
    // Before the WebSocket reads.
    socket.prependListener('data', count)
    one.unwatch = () => socket.off('data', count)
    count()
  }

  /** Its client has proved itself. */
  proved(socket: Socket): void {
    const key = endsOf(socket)
    const one = this.#waiting.get(key)
    if (one !== undefined) this.#forget(key, one)
  }

  #forget(key: string, one: Waiting): void {
    this.#waiting.delete(key)
    one.unwatch()
    const others = this.#byAddress.get(one.address)
    others?.delete(one)
    if (others?.size === 0) this.#byAddress.delete(one.address)
    if (this.#waiting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #makeRoom(ofAddress: ReadonlySet<Waiting>): void {
    const { connections, perAddress, descriptors } = this.#limits
    const mostInAll = descriptors * (1 - KEPT_SHARE)
    if (ofAddress.size > perAddress) this.#drop(ofAddress, `${perAddress} for one address`)
    else if (this.#waiting.size > connections) this.#drop(this.#waiting.values(), `${connections} in all`)
    else if (this.#connections > mostInAll)
      this.#drop(
        this.#waiting.values(),
        `seven eighths of the ${descriptors} files that this process may open`,
      )
  }

  /** Ends the oldest. */
  #drop(among: Iterable<Waiting>, limit: string): void {
    for (const one of among) {
      this.#end(one)
      this.#closed += 1
      this.#warn(one.address, limit)
      return
    }
  }

  #end(one: Waiting): void {
    const key = endsOf(one.socket)
    one.socket.destroy()
    if (this.#waiting.get(key) === one) this.#forget(key, one)
  }

  #look(): void {
    if (this.#options.isHostClosed()) return
    for (const one of this.#waiting.values()) {
      one.looks += 1
      // Also what no WebSocket reads: bodies of requests, and handshakes of TLS.
      if (one.looks > LOOKS || one.socket.bytesRead > MOST_REQUEST_BYTES + MOST_MESSAGE_BYTES) this.#end(one)
    }
  }

  #warn(address: string, limit: string): void {
    const now = performance.now()
    if (now - this.#warnedAt < WARN_EVERY_MS) return
    this.#options.warn(
      `${this.#closed} connections without a proof were closed, the last of ${address}: the limit is ${limit}`,
    )
    this.#warnedAt = now
    this.#closed = 0
  }
}

function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ')
}

/** One machine may have all addresses of a network of IPv6. */
function networkOf(address = ''): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [front = '', back = ''] = address.split('::')
  const groups = front === '' ? [] : front.split(':')
  const behind = back === '' ? 0 : back.split(':').length
  while (address.includes('::') && groups.length + behind < 8) groups.push('0')
  return `${groups.slice(0, 4).join(':')}::/64`
}

function openFilesLimit(): number {
  if (process.platform !== 'linux') return USUAL_DESCRIPTORS
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return soft === undefined || soft === 'unlimited' ? USUAL_DESCRIPTORS : Number(soft)
  } catch {
    return USUAL_DESCRIPTORS
  }
}
