import { longTimeout } from '../../bus/long-timeout.js'
import type { Session } from './session.js'

/** Older clients send nothing if they want nothing. */
const MOST_LOOKS = 10

export interface OrphansOptions {
  /** Milliseconds that a session lasts without its client. */
  readonly sessionTtl: number
  readonly sessions: Iterable<Session>
  /**
   * Ends the restored subscriptions of clients that are not awaited.
   *
   * @returns whether some are left
   */
  readonly end: (isAwaited: (van: string, client: string) => boolean) => boolean
}

/**
 * After a start from the store: ends subscriptions of clients that do not come back. A client that is back knows that it
 * has its session again: it may stand still before it asks.
 */
export class Orphans {
  readonly #options: OrphansOptions
  #stop = (): void => undefined

  constructor(options: OrphansOptions) {
    this.#options = options
  }

  /** Begins to wait for the clients. */
  await(): void {
    this.#lookLater(new Map())
  }

  /** Ends no more of them. */
  close(): void {
    this.#stop()
  }

  /**
   * @param looks the number of looks at which each session was there
   */
  #lookLater(looks: ReadonlyMap<Session, number>): void {
    const { sessionTtl, sessions, end } = this.#options
    this.#stop = longTimeout(
      () => {
        const looksOf = (session: Session): number => looks.get(session) ?? 0
        const asking = [...sessions].filter(
          session => looksOf(session) < (session.link.received > 0 ? 1 : MOST_LOOKS),
        )
        const isAwaited = (van: string, client: string): boolean =>
          asking.some(session => session.client === client && session.van.name === van)
        if (!end(isAwaited)) return
        this.#lookLater(new Map([...sessions].map(session => [session, looksOf(session) + 1])))
      },
      sessionTtl,
      false,
    )
  }
}
