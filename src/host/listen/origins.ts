import type { Socket } from 'node:net'
import { AuthError } from '../../errors.js'
import { refusalOf } from './server-handshake.js'
import type { HostSocket } from './socket-channel.js'

/** The most refused pages that may be connected at once, to get the reason; it takes a moment. */
const MOST_REFUSING = 16
const REFUSING_MS = 1_000
/** Each is logged once, up to this number: any page may invent names. */
const MOST_LOGGED = 50
const LONGEST_LOGGED = 200

/** The connection of an engine.io socket, before its first packet. */
export interface RawConnection {
  readonly request: { readonly headers: { readonly origin?: string | undefined }; readonly socket: Socket }
  readonly transport: unknown
  once(event: 'close', listener: () => void): unknown
}

/** Not closed by the rules, by which the other side has half a minute to agree. */
interface OfWs {
  readonly socket: { terminate(): void }
}

/**
 * Browsers send the Origin of a page: a page that was not let in by name must not talk to this machine's host. A
 * browser hides the reason of a refused connection, so the page is let in just far enough to hear it.
 */
export class Origins {
  readonly #allowed: ReadonlySet<string>
  readonly #warn: (text: string) => void
  readonly #logged = new Set<string>()
  #refusing = 0

  constructor(allowed: readonly string[], warn: (text: string) => void) {
    this.#allowed = new Set(allowed)
    this.#warn = warn
  }

  /** Whether it may open a connection, if only to be refused on it. */
  mayAsk(origin: string | undefined): boolean {
    if (this.#isAllowed(origin)) return true
    this.#log(origin)
    return this.#refusing < MOST_REFUSING
  }

  /** A refused page has a moment to hear the reason. */
  limit(connection: RawConnection): void {
    if (this.#isAllowed(connection.request.headers.origin)) return
    this.#refusing += 1
    const timer = setTimeout(() => {
      ;(connection.transport as OfWs).socket.terminate()
    }, REFUSING_MS)
    connection.once('close', () => {
      clearTimeout(timer)
      this.#refusing -= 1
    })
  }

  /** @returns whether it was refused */
  refuses(socket: HostSocket): boolean {
    const { origin } = socket.handshake.headers
    if (this.#isAllowed(origin)) return false
    socket.emit(
      'refused',
      refusalOf(
        new AuthError(
          `This host lets no page of ${shown(origin)} connect. Start it with --origin ${shown(origin)} (MSGVAN_ORIGINS).`,
        ),
      ),
    )
    socket.disconnect(true)
    return true
  }

  #isAllowed(origin: string | undefined): origin is undefined {
    return origin === undefined || this.#allowed.has(origin)
  }

  #log(origin: string): void {
    const name = shown(origin)
    if (this.#logged.has(name) || this.#logged.size >= MOST_LOGGED) return
    this.#logged.add(name)
    this.#warn(
      `a page of ${name} was refused: to let such pages connect, start this host with --origin ${name}`,
    )
  }
}

function shown(origin: string): string {
  return origin.slice(0, LONGEST_LOGGED)
}
