import { deferred } from '../deferred.js'

export interface PresenceAtLeaderOptions {
  /** All clients and followers of a leader before this one have come to it, or are given up. */
  readonly isSettled: () => boolean
  /** The time to come to the new leader is over. */
  readonly giveUpOthers: () => void
  /** The leader can be reached, or cannot any more. */
  readonly turned: (isUp: boolean) => void
  /** Messages pass from now on. */
  readonly opened: () => void
  /** Messages pass no more. */
  readonly shut: () => void
}

/** The followers and clients of a leader that died have this time to come to the next one. */
const SETTLING_MS = 5_000

/**
 * The state of a link to the leader: connecting, up, and open. Messages pass when it is open, which it is as soon as the leader has
 * listed its wanted patterns. A new leader gets time to learn the wishes of the other hosts: kept messages would reach no subscriber
 * otherwise.
 */
export class PresenceAtLeader {
  readonly #options: PresenceAtLeaderOptions
  /** The leader has not listed its wanted patterns yet in this session. */
  #awaitsWants = true
  #isOpen = false
  #settling: NodeJS.Timeout | undefined
  #isUp = false
  #wasUp = false
  /** An attempt to connect whose outcome is not known yet. */
  #firstAttempt: { readonly over: Promise<void>; readonly end: () => void } | undefined = deferred()
  #up = deferred()
  #down = deferred()

  constructor(options: PresenceAtLeaderOptions) {
    this.#options = options
  }

  /** The leader can be reached. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** The leader has been reached before, or is reached now. */
  get wasUp(): boolean {
    return this.#wasUp
  }

  /** Messages pass, or it is about to be known whether they do. */
  get mayPass(): boolean {
    return this.#isOpen || this.#firstAttempt !== undefined || (this.#isUp && this.#awaitsWants)
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Resolves when the first attempt to connect has an outcome; undefined when it has. */
  get firstAttempt(): Promise<void> | undefined {
    return this.#firstAttempt?.over
  }

  /** Resolves when the leader can be reached. */
  get up(): Promise<void> {
    return this.#up.over
  }

  /** Resolves when the leader cannot be reached any more. */
  get down(): Promise<void> {
    return this.#down.over
  }

  endFirstAttempt(): void {
    this.#firstAttempt?.end()
    this.#firstAttempt = undefined
  }

  turn(isUp: boolean): void {
    if (isUp) {
      this.#wasUp = true
      this.endFirstAttempt()
    }
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    if (isUp) {
      this.#down = deferred()
      this.#up.end()
      this.openIfSettled()
    } else {
      this.#down.end()
      this.#up = deferred()
      this.shut()
    }
    this.#options.turned(isUp)
  }

  /** The leader does not let this host join: it is out of reach although the connection stands. */
  refused(): void {
    this.endFirstAttempt()
    this.turn(false)
  }

  /** A session begins: the leader lists its wanted patterns. */
  awaitWants(): void {
    this.#awaitsWants = true
  }

  /** The leader has listed its wanted patterns. */
  wantsCame(): void {
    this.#awaitsWants = false
    this.turn(true)
  }

  openIfSettled(): void {
    if (!this.#isUp || this.#awaitsWants || this.#isOpen) return
    if (!this.#options.isSettled()) {
      this.#settling ??= setTimeout(() => {
        this.#options.giveUpOthers()
        this.openIfSettled()
      }, SETTLING_MS)
      return
    }
    this.#endSettling()
    this.#isOpen = true
    this.#options.opened()
  }

  shut(): void {
    this.#endSettling()
    this.#isOpen = false
    this.#options.shut()
  }

  #endSettling(): void {
    clearTimeout(this.#settling)
    this.#settling = undefined
  }
}
